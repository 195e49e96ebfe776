// Pictures made smaller for people: each pixel is the mean of its area. (What a network gets is
// preprocess' letterbox, which has to equal the training's.)
#pragma once

#include <cstdint>
#include <vector>

#include "shoal/frame.h"
#include "shoal/geometry.h"

namespace shoal {

// The source pixels that one target pixel covers on an axis: first..last, with the weights of the
// two at the edges in 256ths; those between weigh 256.
struct CoveredSpan {
  int first = 0;
  int last = 0;
  std::uint32_t first_weight = 256;
  std::uint32_t last_weight = 256;
  std::uint32_t sum = 0;  // of all weights
};

// What reduce_area needs besides its arguments; kept between calls.
struct ReduceRoom {
  std::vector<std::uint32_t> sums;    // of the rows that a target row covers, by byte
  std::vector<CoveredSpan> columns;
};

// Area average of an RGB picture u8 [height, width, 3]: each pixel of `to` is the mean of what it
// covers, which may be parts of pixels; rounded to the nearest. Rows of `to` are packed.
// REQUIRES: 0 < to_size <= view.size on both sides; `to` holds 3 * width * height bytes.
// Cost     about 0.2 ns a byte of the view and 3 ns a byte of the result.
void reduce_area(const ImageView& view, Size to_size, std::uint8_t* to, ReduceRoom& room);

// The size of a picture that is at most `width` wide, in proportion.
[[nodiscard]] Size reduced_size(Size size, int width);

}  // namespace shoal
