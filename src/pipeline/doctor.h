// Proofs on the user's own model and machine: batch invariance, and agreement between precisions.
#pragma once

#include <string>
#include <vector>

#include "engine/engine_load.h"
#include "shoal/result.h"

namespace shoal {

struct Check {
  std::string name;    // "batch_invariance", "precision_agreement"
  std::string model;
  std::string engine;  // "openvino bf16"
  bool ok = false;
  std::string detail;  // what was compared, or what differed first
};

// Runs sixteen generated pictures (boards, plain grey, noise) through the network alone, and then
// in batches of each size: at every position, with an odd last batch, beside empty and noisy
// neighbours. Every output must be equal to the bit.
//
// Errors   those of load_engine.
// Cost     loads the model once a batch size.
[[nodiscard]] Result<Check> check_batch_invariance(const ModelSource& source,
                                                   const EngineOptions& options,
                                                   const std::vector<int>& batches);

// Compares the boxes of `precision` with those of fp32 on generated pictures. Holds where the
// median difference of matched boxes is at most 1 pixel and of their scores 0.02: bf16 keeps 8
// bits of mantissa.
//
// Errors   those of load_engine; unsupported where the engine does not know the precision.
[[nodiscard]] Result<Check> check_precision_agreement(const ModelSource& source,
                                                      const EngineOptions& options,
                                                      Precision precision);

}  // namespace shoal
