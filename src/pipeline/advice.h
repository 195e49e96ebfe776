// What a finished run says of itself beyond counting: the model's line and one true suggestion.
#pragma once

#include <string>

#include "engine/engine.h"
#include "pipeline/run_summary.h"

namespace shoal {

// "yolo11n.onnx   yolo11, 80 classes, 640x640, batch 1..8"
[[nodiscard]] std::string model_line(const Engine& engine);

// Fills `model`, `engine`, `multi_label` and `advice`. The advice is computed from what the run
// measured, and empty where nothing would help noticeably.
void describe_run(RunSummary& summary, const Engine& engine, bool multi_label);

}  // namespace shoal
