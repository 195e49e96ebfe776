// What a graph costs in memory once it is compiled: the facts that memory_plan reckons with.
#pragma once

#include "engine/engine_load.h"
#include "engine/memory_plan.h"
#include "engine/openvino/import.h"

namespace shoal {

// `fixed` is the static batch-1 graph of this size; `raw` as in EngineOptions. `precision` is what
// runs, not kAuto. Throws what OpenVINO throws.
[[nodiscard]] NetworkCost network_cost(const GraphPointer& fixed, Size size, Precision precision,
                                       bool raw);

// The shape that load_openvino_engine starts from, before a limit narrows it.
[[nodiscard]] MemoryShape wanted_shape(const EngineOptions& options, Precision precision);

// Behind model_costs().
[[nodiscard]] Result<ModelCosts> costs_of(ImportedModel model, const EngineOptions& options);

}  // namespace shoal
