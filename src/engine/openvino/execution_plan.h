// Spread or batched: the choice between batch-1 inferences and one call for a whole batch,
// measured at load and remembered.
#pragma once

#include <optional>
#include <string>

#include "engine/openvino/compile.h"
#include "engine/openvino/openvino_lane.h"

namespace shoal {

struct PlanRequest {
  const ImportedModel* model = nullptr;
  CompileSettings settings;
  Execution execution = Execution::kAuto;
  int batch_max = 1;
  int lanes = 1;
  std::string cache_file;  // "" = none
};

// Fills `bucket.batched` where the batched call is asked for, or faster; returns what was found,
// for people: "spread (measured 45.1 against 44.0 images/s)".
//
// A batched call is used only if every picture's result has the same bits as alone: that is the
// contract of batch invariance, and proves a rewritten graph as well.
//
// Errors   only where kBatched was asked for: unsupported, naming the node that bakes the batch
//          in, or saying that bits differ.
// Cost     kAuto with batch_max > 1: a second compilation and about a second of trial runs, once.
[[nodiscard]] Result<std::string> plan_execution(const PlanRequest& request,
                                                 CompiledBucket& bucket);

}  // namespace shoal
