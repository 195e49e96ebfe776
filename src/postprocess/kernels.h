// The inner loops of box decoding and NMS, one set of functions per instruction set; all sets give
// equal answers. The scalar set is the specification.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/instruction_set.h"
#include "postprocess/nms.h"

namespace shoal::internal {

constexpr std::size_t kIndexSlack = 16;  // entries behind the last that may be overwritten

struct RankedBox {
  float x1, y1, x2, y2, area;
};

struct PostprocessKernels {
  // maxima[i] = row[i] > maxima[i] ? row[i] : maxima[i]; so a NaN in row changes nothing.
  void (*raise_to_row)(float* maxima, const float* row, std::size_t count);
  // Writes each i with values[i] * factor > threshold, ascending; returns how many. A NaN is not
  // above. indices has room for count + kIndexSlack.
  std::size_t (*collect_above)(std::uint32_t* indices, const float* values, std::size_t count,
                               float factor, float threshold);
  // Whether any box of the block has intersection > iou * union with `box`.
  bool (*overlaps_any)(const KeptBlock& block, const RankedBox& box, float iou);
};

[[nodiscard]] const PostprocessKernels& scalar_postprocess_kernels();
[[nodiscard]] const PostprocessKernels& avx2_postprocess_kernels();
[[nodiscard]] const PostprocessKernels& avx512_postprocess_kernels();

[[nodiscard]] inline const PostprocessKernels& postprocess_kernels(InstructionSet set) {
  switch (set) {
    case InstructionSet::kScalar: break;
    case InstructionSet::kAvx2: return avx2_postprocess_kernels();
    case InstructionSet::kAvx512: return avx512_postprocess_kernels();
  }
  return scalar_postprocess_kernels();
}

}  // namespace shoal::internal
