// Looking at an imported model: costs, and what it would refuse.
#pragma once

#include "engine/openvino/import.h"

namespace shoal {

// `buckets` and `batch_max` as in EngineOptions; without buckets one rectangular size is tried.
[[nodiscard]] Result<ModelInspection> inspect_imported(ImportedModel model,
                                                       const EngineOptions& options);

}  // namespace shoal
