// The OpenVINO engine on CPUs: one compiled network a bucket, lanes with their own requests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/openvino/import.h"
#include "engine/openvino/openvino_lane.h"

namespace shoal {

// Errors   as load_engine.
[[nodiscard]] Result<std::unique_ptr<Engine>> load_openvino_engine(ImportedModel model,
                                                                   const EngineOptions& options);

}  // namespace shoal
