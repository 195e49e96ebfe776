// Proofs on the user's own model and machine: batch invariance, and agreement between precisions.
#pragma once

#include <string>
#include <vector>

#include "engine/engine_load.h"
#include "pipeline/agreement.h"
#include "postprocess/postprocess.h"
#include "shoal/result.h"

namespace shoal {

struct Check {
  std::string name;    // "batch_invariance", "precision_agreement"
  std::string model;
  std::string engine;  // "openvino bf16"
  CheckOutcome outcome = CheckOutcome::kFailed;
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

// What the boxes of two precisions are compared on.
struct AgreementPictures {
  std::vector<std::string> inputs;  // as open_source takes them; empty: generated boards
  int decode_threads = 1;
};

// Compares the boxes of `precision` with those of fp32; agreement.h says what holds. Pictures that
// cannot be read are left out, and counted in the text.
//
// Errors   those of load_engine; unsupported where the engine does not know the precision; that of
//          the pictures where none can be read.
[[nodiscard]] Result<Check> check_precision_agreement(const ModelSource& source,
                                                      const EngineOptions& options,
                                                      const PostprocessOptions& boxes,
                                                      const AgreementPictures& pictures,
                                                      Precision precision);

}  // namespace shoal
