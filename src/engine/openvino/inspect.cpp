// The same checks as loading, but what fails becomes data.
#include "engine/openvino/inspect.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/openvino/batch.h"
#include "engine/openvino/bucket.h"
#include "engine/openvino/compile.h"
#include "engine/openvino/graph_cost.h"
#include "engine/openvino/head_trial.h"
#include "engine/openvino/liveness.h"
#include "engine/openvino/trial.h"

namespace shoal {
namespace {

// Three fifths as high, which is about 16:9; still a multiple of the largest stride.
Size rectangle_of(const ModelDescription& model) {
  const int stride = model.stride_max;
  const int height = std::max(1, model.input.size.height * 3 / 5 / stride) * stride;
  return {model.input.size.width, height};
}

Result<ov::CompiledModel> compile_single(const ImportedModel& model, const GraphPointer& single,
                                         const CompileSettings& settings) {
  return catching(ErrorCode::kUnsupported, model.description.path,
                  [&]() -> Result<ov::CompiledModel> {
                    return compile(single, model.layout, model.description.input, settings);
                  });
}

// Whether two pictures in one call give what each gives alone.
Result<void> try_batched(const ImportedModel& model, ov::CompiledModel& alone,
                         const CompileSettings& settings) {
  constexpr int kBatch = 2;
  const GraphPointer pair = SHOAL_TRY(graph_at(model, model.description.input.size, kBatch));
  return catching(ErrorCode::kUnsupported, "trial run", [&]() -> Result<void> {
    auto together = compile(pair, model.layout, model.description.input, settings);
    if (same_bits(run_trial(alone, kBatch), run_trial(together, kBatch))) return {};
    return Error{ErrorCode::kUnsupported,
                 "pictures in a batch of 2 differ from the same pictures alone"};
  });
}

}  // namespace

Result<ModelInspection> inspect_imported(ImportedModel model, const EngineOptions& options) {
  ModelInspection inspection;
  const auto refuse = [&](std::string what, const Error& error) {
    inspection.refusals.push_back({std::move(what), error.message});
  };
  const Size exported = model.description.input.size;
  auto single = bucket_graph(model, exported);
  if (single) {
    const GraphCost cost = graph_cost(**single);
    inspection.weight_bytes = cost.weight_bytes;
    inspection.activation_bytes = live_peak(**single, Precision::kFp32).bytes;
    bool low_precision_failed = false;
    const CompileSettings settings{.precision = SHOAL_TRY(choose_precision(options.precision)),
                                   .cache_folder = {},
                                   .low_precision_failed = &low_precision_failed};
    auto alone = SHOAL_TRY(compile_single(model, *single, settings));
    SHOAL_TRY(try_head(alone, model, exported));
    if (auto batched = try_batched(model, alone, settings); !batched) {
      refuse("batched execution", batched.error());
    }
    if (low_precision_failed) inspection.notes.emplace_back(kWithoutLowPrecision);
  } else {
    refuse(std::string(kAnyExecution), single.error());
  }
  std::vector<Size> buckets = options.buckets;
  if (buckets.empty()) buckets.push_back(rectangle_of(model.description));
  for (const Size size : buckets) {
    if (size == exported) continue;
    if (auto graph = bucket_graph(model, size); !graph) {
      refuse(fmt::format("bucket {}x{}", size.width, size.height), graph.error());
    }
  }
  inspection.io_bytes = std::int64_t{3} * exported.width * exported.height;
  for (const OutputDescription& output : model.description.outputs) {
    inspection.io_bytes += 4 * output.shape.element_count();
  }
  inspection.model = std::move(model.description);
  return inspection;
}

}  // namespace shoal
