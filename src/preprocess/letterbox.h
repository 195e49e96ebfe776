// The letterbox's pixels: a picture resampled into the network's input, u8 to u8. Its geometry is
// shoal::Letterbox; normalisation belongs to the engine.
#pragma once

#include <cstdint>
#include <span>

#include "core/instruction_set.h"
#include "shoal/frame.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

struct LetterboxOptions {
  PixelFormat output_format = PixelFormat::kRgb8;  // what the network was trained on
  std::uint8_t pad_value = 114;                    // Ultralytics' grey; all three channels
  // For tests and benchmarks: every set gives the same bytes.
  // REQUIRES: not above best_instruction_set().
  InstructionSet instructions = best_instruction_set();
};

// Tables and row buffers of letterbox(), kept from call to call; the tables are made anew only
// when a width changes. Grows to what the largest network input needs, about 0.3 KiB a column,
// whatever the pictures' sizes, and then allocates no more.
class LetterboxScratch {
 public:
  // Of one resampling along x: where the tables in `memory` were made for.
  struct Key {
    int source_width = 0;
    int content_width = 0;
    bool swap_channels = false;
    InstructionSet instructions = InstructionSet::kScalar;
    friend bool operator==(const Key&, const Key&) = default;
  };
  PixelBuffer memory;
  Key key;
};

// Scales `picture` to geometry.content, puts it at (geometry.left, geometry.top) and fills the
// rest with the pad value. Channels are swapped where picture.format differs from the output's.
//
// Bilinear with pixel centres at half-integers and clamped edges. The result equals OpenCV 4's
// cv2.resize with INTER_LINEAR + cv2.copyMakeBorder byte for byte (content up to 4096 pixels a
// side; within 1 level beyond), because boxes on the margin move by pixels with a single level.
// Hence within 1 level of the exact real-valued interpolation, and no anti-aliasing when reducing.
// Every instruction set gives these bytes.
//
// Shapes   network_pixels  u8 [network.height, network.width, 3], packed
//          picture         u8 [height, width, 3]; its size may differ from geometry.source (scaled
//                          decode): the whole picture is mapped to the whole content
// Errors   invalid_argument if the picture has no pixels, a side above 2^24, a pitch below
//          3 * width or lies outside the geometry's rules, or if network_pixels has another size;
//          out_of_memory if the scratch cannot grow.
// Owns     nothing; reads only the rows' 3 * width bytes.
// Threads  one caller at a time for one scratch.
// Cost     no allocation once the scratch has grown; 1920x1080 to 640x640 in about 0.1 ms.
[[nodiscard]] Result<void> letterbox(std::span<std::uint8_t> network_pixels,
                                     const ImageView& picture, const Letterbox& geometry,
                                     const LetterboxOptions& options, LetterboxScratch& scratch);

}  // namespace shoal
