// Turns decoded pixels upright, as EXIF's orientation 1 to 8 says.
#pragma once

#include "shoal/frame.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

// Orientations 5 to 8 swap width and height.
[[nodiscard]] constexpr Size upright(Size stored, int orientation) {
  return orientation >= 5 ? Size{stored.height, stored.width} : stored;
}

// Turns the pixels of `frame` and its `size` (not source_size, which is the caller's). `scratch`
// receives the old buffer, so that two buffers serve for ever.
//
// Errors   out_of_memory.
// Cost     nothing for 1; else about 3 ns a pixel.
[[nodiscard]] Result<void> turn_upright(Frame& frame, PixelBuffer& scratch, int orientation);

// From one row to the next of `width` RGB pixels: a multiple of 64, so that rows stay aligned.
[[nodiscard]] constexpr std::ptrdiff_t padded_pitch(int width) {
  return (static_cast<std::ptrdiff_t>(width) * 3 + 63) / 64 * 64;
}

// Makes room for `size` RGB pixels in `frame` and sets size, pitch_bytes and format.
// Errors   out_of_memory.
[[nodiscard]] Result<void> prepare_frame(Frame& frame, Size size);

}  // namespace shoal
