// Trial runs that tell whether boxes are decoded inside the graph, and on the right grid.
#pragma once

#include <cstddef>
#include <span>

#include "engine/openvino/graph.h"

namespace shoal {

// Median distance of decoded centres from the centres of their cells, in strides. Small (below 2)
// where the graph decodes on the grid of `size`; large where it gives raw offsets, or where
// another grid is baked in.
//
// Shapes   output `index` of the graph is [1, 4+C, N] (channels_first) or [1, N, 4+C or 5+C], cells
//          row by row within a stride, `anchors` planes of cells a stride
// Cost     compiles and runs the graph once in f32 on one core.
[[nodiscard]] Result<double> centre_distance(const GraphPointer& fixed, std::size_t index,
                                             bool channels_first, int anchors,
                                             std::span<const int> strides, Size size);

// For [N, channels] tensors of one anchor a cell.
[[nodiscard]] Result<bool> looks_decoded(const GraphPointer& fixed, std::size_t index,
                                         std::span<const int> strides, Size size);

}  // namespace shoal
