// What a model will need of memory, before anything is loaded; and what of it fits a limit. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "shoal/result.h"

namespace shoal {

// One network as it would be compiled: one input size, one picture.
struct NetworkCost {
  Size size;
  std::int64_t parameters = 0;
  std::int64_t input_bytes = 0;       // of a picture, in the lane's buffers
  std::int64_t output_bytes = 0;
  std::int64_t activation_bytes = 0;  // largest set of live tensors, at the precision that runs
  std::string activation_peak;        // at this node
  int kernels = 0;                    // convolutions and products
  bool spread_only = false;           // never compiled for a whole batch
};

// How it would run.
struct MemoryShape {
  Precision precision = Precision::kFp32;  // kFp32 or kBf16
  int batch = 1;
  int lanes = 1;
  bool batched = false;    // networks for a whole batch are compiled beside those for one picture
  bool measured = false;   // which way is better is tried at load: that takes the buffers twice
  bool wide_lane = false;  // and one more for a lone picture on all cores
};

// One network a bucket; a lane's buffers are as large as the largest bucket needs.
[[nodiscard]] EngineMemory plan_memory(std::span<const NetworkCost> networks,
                                       const MemoryShape& shape);

// The most of `wanted` that fits into `limit` bytes (0: no limit): first without batched networks,
// then with a smaller batch, then with fewer lanes.
//
// Errors   out_of_memory, with the plan of what would be the least: one lane, batch 1.
[[nodiscard]] Result<MemoryShape> fit_memory(std::span<const NetworkCost> networks,
                                             const MemoryShape& wanted, std::int64_t limit);

// The largest batch (up to `most`) that fits with the lanes of `shape`; 0: not even one.
[[nodiscard]] int largest_batch(std::span<const NetworkCost> networks, MemoryShape shape,
                                std::int64_t limit, int most);

// "weights 6.8 MiB + inputs 1.2 MiB + ... = 40.1 MiB"
[[nodiscard]] std::string plan_text(const EngineMemory& memory);

}  // namespace shoal
