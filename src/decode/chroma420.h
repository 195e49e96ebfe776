// Lossy WebP's YUV 4:2:0 to RGB. swscale's chroma filter differs from libwebp's by up to 40 levels
// at sharp coloured edges, and models are trained on libwebp's pixels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shoal/frame.h"

namespace shoal {

// Planes of a picture of `frame.size`; chroma has half the sides, rounded up.
struct Planes420 {
  const std::uint8_t* y = nullptr;
  const std::uint8_t* u = nullptr;
  const std::uint8_t* v = nullptr;
  std::ptrdiff_t y_pitch = 0;
  std::ptrdiff_t u_pitch = 0;
  std::ptrdiff_t v_pitch = 0;
};

// Writes into the prepared `frame`. BT.601, limited range, chroma centred between its four pixels
// and interpolated with weights 9 3 3 1, in libwebp's fixed point (RFC 6386 section 9.2 gives the
// matrix; rounding as libwebp's src/dsp/yuv.h and upsampling.c).
void convert_420(Frame& frame, const Planes420& planes);

}  // namespace shoal
