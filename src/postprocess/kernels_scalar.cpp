// The specification of the postprocessing kernels, for any machine.
#include <algorithm>

#include "postprocess/kernels.h"

namespace shoal::internal {
namespace {

void raise_to_row(float* maxima, const float* row, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) maxima[i] = row[i] > maxima[i] ? row[i] : maxima[i];
}

std::size_t collect_above(std::uint32_t* indices, const float* values, std::size_t count,
                          float factor, float threshold) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (values[i] * factor > threshold) indices[found++] = static_cast<std::uint32_t>(i);
  }
  return found;
}

bool overlaps_any(const KeptBlock& block, const RankedBox& box, float iou) {
  for (int lane = 0; lane < 16; ++lane) {
    const float width = std::max(
        0.0F, std::min(box.x2, block.x2[lane]) - std::max(box.x1, block.x1[lane]));
    const float height = std::max(
        0.0F, std::min(box.y2, block.y2[lane]) - std::max(box.y1, block.y1[lane]));
    const float intersection = width * height;
    if (intersection > iou * (box.area + block.area[lane] - intersection)) return true;
  }
  return false;
}

}  // namespace

const PostprocessKernels& scalar_postprocess_kernels() {
  static constexpr PostprocessKernels kKernels{raise_to_row, collect_above, overlaps_any};
  return kKernels;
}

}  // namespace shoal::internal
