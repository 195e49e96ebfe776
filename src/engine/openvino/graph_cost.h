// What a graph costs: parameters, floating-point operations, bytes. Counted, not measured.
#pragma once

#include <cstdint>

#include "engine/openvino/graph.h"

namespace shoal {

struct GraphCost {
  std::int64_t parameters = 0;        // elements of trained constants
  std::int64_t flops = 0;             // convolutions and matrix products; 2 a multiply-add
  std::int64_t weight_bytes = 0;      // of all constants, as stored
  int kernels = 0;                    // convolutions and matrix products
};

// REQUIRES: a graph with a static input; what depends on data costs nothing.
// FLOPs as Ultralytics' tables count them: only
// convolutions and matrix products of the data path.
[[nodiscard]] GraphCost graph_cost(const ov::Model& graph);

}  // namespace shoal
