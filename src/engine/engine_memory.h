// What an engine needs of memory, part by part.
#pragma once

#include <cstdint>

namespace shoal {

// Bytes. What the engine allocates by itself is an estimate, what Shoal allocates is exact.
struct EngineMemory {
  std::int64_t weights = 0;      // parameters in the engine's own layout, once a compiled network
  std::int64_t inputs = 0;       // lane buffers: exact
  std::int64_t outputs = 0;      // lane buffers: exact
  std::int64_t activations = 0;  // one set a stream
  std::int64_t workspace = 0;    // generated kernels and their tables, one set a stream: estimate

  [[nodiscard]] std::int64_t buffers() const { return inputs + outputs; }
  [[nodiscard]] std::int64_t total() const {
    return weights + inputs + outputs + activations + workspace;
  }
};

}  // namespace shoal
