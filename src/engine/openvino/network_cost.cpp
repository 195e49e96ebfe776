#include "engine/openvino/network_cost.h"

#include "engine/openvino/bucket.h"
#include "engine/openvino/compile.h"
#include "engine/openvino/expectation.h"
#include "engine/openvino/graph_cost.h"
#include "engine/openvino/liveness.h"
#include "telemetry/process.h"

namespace shoal {

NetworkCost network_cost(const GraphPointer& fixed, Size size, Precision precision, bool raw) {
  const GraphPointer graph = fixed->clone();
  if (precision == Precision::kBf16) expectations_to_sums(*graph);  // as compile() does
  const GraphCost counted = graph_cost(*graph);
  LivePeak peak = live_peak(*graph, precision);
  NetworkCost cost{.size = size,
                   .parameters = counted.parameters,
                   .activation_bytes = peak.bytes,
                   .activation_peak = std::move(peak.node),
                   .kernels = counted.kernels};
  const auto elements = [](const auto& port) {
    return static_cast<std::int64_t>(ov::shape_size(port.get_shape()));
  };
  cost.input_bytes = elements(graph->input()) * (raw ? 4 : 1);
  for (const auto& output : graph->outputs()) cost.output_bytes += 4 * elements(output);
  return cost;
}

MemoryShape wanted_shape(const EngineOptions& options, Precision precision) {
  const bool latency = options.mode == PerformanceMode::kLatency;
  return {.precision = precision,
          .batch = options.batch_max,
          .lanes = options.lanes > 0 ? options.lanes : (latency ? 1 : usable_core_count()),
          .batched = !options.raw && options.execution != Execution::kSpread,
          .measured = options.execution == Execution::kAuto,
          .wide_lane = options.wide_lane};
}

Result<ModelCosts> costs_of(ImportedModel model, const EngineOptions& options) {
  const Precision precision = SHOAL_TRY(choose_precision(options.precision));
  ModelCosts costs;
  costs.wanted = wanted_shape(options, precision);
  std::vector<Size> sizes = options.buckets;
  if (sizes.empty()) sizes.push_back(model.description.input.size);
  for (const Size size : sizes) {
    const GraphPointer fixed = SHOAL_TRY(bucket_graph(model, size));
    costs.networks.push_back(SHOAL_TRY(
        catching(ErrorCode::kUnsupported, model.description.path, [&]() -> Result<NetworkCost> {
          return network_cost(fixed, size, precision, false);
        })));
  }
  costs.model = std::move(model.description);
  return costs;
}

}  // namespace shoal
