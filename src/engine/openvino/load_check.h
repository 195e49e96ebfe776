// What a graph would cost to load, asked before anything of it is computed or compiled: OpenVINO
// folds what depends on constants alone, whatever its size, and compiles whatever its length.
#pragma once

#include <string>

#include "engine/load_limits.h"
#include "engine/openvino/graph.h"

namespace shoal {

// Elements of a tensor at most; a side without a bound counts as 1, one without a rank as nothing.
[[nodiscard]] std::int64_t elements_at_most(const ov::PartialShape& shape);

// `graph` has a static input. `memory_limit` as in EngineOptions.
//
// Errors   unsupported: more operations than nodes_max, or a chain of operations without a
//          convolution that is longer than any network has; out_of_memory: what is computed from
//          constants, or the tensors of one picture, are more than the limits; the message names
//          the largest node. All begin with `path`.
// Cost     O(nodes); computes nothing.
[[nodiscard]] Result<void> check_load(const ov::Model& graph, const LoadLimits& limits,
                                      std::int64_t memory_limit, const std::string& path);

// While it lives, allocations of this process together can take `bytes` more than now (by the
// kernel's limit on data): reading a file computes shapes, and what they depend on. What fails then
// is the large allocation, with std::bad_alloc in the thread that asked.
//
// Threads  any number at a time: their bytes add up.
class ReadingLimit {
 public:
  explicit ReadingLimit(std::int64_t bytes);
  ~ReadingLimit();
  ReadingLimit(const ReadingLimit&) = delete;
  ReadingLimit& operator=(const ReadingLimit&) = delete;
};

}  // namespace shoal
