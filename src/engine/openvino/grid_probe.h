// Trial runs that tell whether boxes are decoded inside the graph, and on the right grid.
#pragma once

#include <cstddef>
#include <span>

#include "engine/openvino/graph.h"

namespace shoal {

// Where the cells of an output lie.
struct CellGrid {
  std::size_t output = 0;       // index of the output in the graph
  bool channels_first = false;  // [batch, channels, N] or [batch, N, channels]
  int anchors = 1;              // planes of cells a stride, one after the other
  std::span<const int> strides;
  Size size;                    // of the network's input
};

// Median distance of the output's first two channels from the centres of their cells, in strides.
// Small (below kOnGrid) where the graph decodes on the grid of `size`; large where it gives raw
// offsets, or where another grid is baked in.
//
// REQUIRES: `fixed` has static shapes.
// Cost      compiles and runs the graph once in f32 on one core.
[[nodiscard]] Result<double> centre_distance(const GraphPointer& fixed, InputLayout layout,
                                             const CellGrid& grid);

inline constexpr double kOnGrid = 3.0;

}  // namespace shoal
