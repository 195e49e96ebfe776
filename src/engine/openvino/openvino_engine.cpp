// Holds compiled networks; everything that runs is in the lane.
#include "engine/openvino/openvino_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"
#include "core/memory_size.h"
#include "engine/openvino/batch.h"
#include "engine/openvino/bucket.h"
#include "engine/openvino/compile.h"
#include "engine/openvino/execution_plan.h"
#include "engine/openvino/head_trial.h"
#include "engine/openvino/network_cost.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

class OpenVinoEngine final : public Engine {
 public:
  struct Parts {
    ModelDescription model;
    std::vector<CompiledBucket> buckets;
    std::vector<CompiledBucket> wide;  // of create_wide_lane(); empty: none
    Precision precision = Precision::kFp32;
    int batch_max = 1;
    int lanes = 1;
    EngineMemory memory;
    std::string summary;
  };

  explicit OpenVinoEngine(Parts parts) : parts_(std::move(parts)) {
    for (const CompiledBucket& bucket : parts_.buckets) sizes_.push_back(bucket.size);
  }

  const ModelDescription& model() const override { return parts_.model; }
  std::span<const Size> buckets() const override { return sizes_; }
  int batch_max() const override { return parts_.batch_max; }
  int lane_count() const override { return parts_.lanes; }
  Precision precision() const override { return parts_.precision; }
  std::string summary() const override { return parts_.summary; }

  Result<std::unique_ptr<InferLane>> create_lane() override {
    return catching(ErrorCode::kInternal, "creating a lane",
                    [this]() -> Result<std::unique_ptr<InferLane>> {
                      return std::unique_ptr<InferLane>(
                          std::make_unique<OpenVinoLane>(
                              parts_.buckets, parts_.batch_max, pool_));
                    });
  }

  Result<std::unique_ptr<InferLane>> create_wide_lane() override {
    if (parts_.wide.empty()) return std::unique_ptr<InferLane>();
    return catching(ErrorCode::kInternal, "creating the wide lane",
                    [this]() -> Result<std::unique_ptr<InferLane>> {
                      return std::unique_ptr<InferLane>(
                          std::make_unique<OpenVinoLane>(parts_.wide, 1, pool_));
                    });
  }

  EngineMemory memory() const override { return parts_.memory; }
  PoolGauge lane_memory() const override { return pool_.gauge(); }

 private:
  const Parts parts_;
  Pool pool_{"lanes"};
  std::vector<Size> sizes_;
};

Result<void> check_options(const EngineOptions& options) {
  if (options.batch_max < 1 || options.batch_max > 1024) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("batch {}: expected 1 to 1024", options.batch_max)};
  }
  if (options.lanes < 0 || options.lanes > 256) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("lanes {}: expected 1 to 256, or 0 for one a core", options.lanes)};
  }
  return {};
}

// "openvino bf16, 2 lanes, batch 8 spread (...)"; one clause a bucket where there are several.
std::string summarise(const OpenVinoEngine::Parts& parts, const std::vector<std::string>& plans) {
  std::string text = fmt::format("openvino {}, {} {}, batch {} ", to_string(parts.precision),
                                 parts.lanes, parts.lanes == 1 ? "lane" : "lanes",
                                 parts.batch_max);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (plans.size() > 1) {
      text += fmt::format("{}{}x{} ", i > 0 ? ", " : "", parts.buckets[i].size.width,
                          parts.buckets[i].size.height);
    }
    text += plans[i];
  }
  return text;
}

Result<CompiledBucket> compiled_bucket(const ImportedModel& model, const GraphPointer& fixed,
                                       Size size, const CompileSettings& settings) {
  return catching(ErrorCode::kUnsupported, model.description.path,
                  [&]() -> Result<CompiledBucket> {
                    return CompiledBucket{
                        size, compile(fixed, model.layout, model.description.input, settings), {}};
                  });
}

// The file's own graph with one picture a run; what it answers is not interpreted.
Result<GraphPointer> raw_graph(const ImportedModel& model, Size size) {
  auto graph = graph_at(model, size, 1);
  if (graph) return graph;
  return Error{graph.error().code,
               fmt::format("{}: {}", model.description.path, graph.error().message)};
}

// What of the options' shape fits their memory limit.
Result<MemoryShape> fitting_shape(const std::string& path, std::span<const NetworkCost> networks,
                                  const EngineOptions& options, Precision precision) {
  const MemoryShape wanted = wanted_shape(options, precision);
  auto shape = fit_memory(networks, wanted, options.memory_limit);
  if (!shape) return Error{shape.error().code, path + ": " + shape.error().message};
  if (shape->batch < wanted.batch || shape->lanes < wanted.lanes) {
    const EngineMemory asked = plan_memory(networks, wanted);
    log(LogLevel::kWarn, "memory",
        "{}: batch {} on {} lanes needs {} ({}), the memory limit leaves {}: batch {} on {} "
        "instead", path, wanted.batch, wanted.lanes, memory_text(asked.total()), plan_text(asked),
        memory_text(options.memory_limit), shape->batch, shape->lanes);
  }
  return shape;
}

// "; memory allows batch 4 of 8", or nothing.
std::string narrowed_text(const MemoryShape& shape, const EngineOptions& options) {
  const MemoryShape wanted = wanted_shape(options, shape.precision);
  std::string text;
  if (shape.batch < wanted.batch) text += fmt::format(" batch {} of {}", shape.batch, wanted.batch);
  if (shape.lanes < wanted.lanes) {
    text += fmt::format("{} {} of {} lanes", text.empty() ? "" : ",", shape.lanes, wanted.lanes);
  }
  return text.empty() ? text : "; memory allows" + text;
}

}  // namespace

Result<std::unique_ptr<Engine>> load_openvino_engine(ImportedModel model,
                                                     const EngineOptions& options) {
  SHOAL_TRY(check_options(options));
  if (options.raw) {
    model.graph = model.declared;
    model.description.outputs = model.description.declared_outputs;
  }
  OpenVinoEngine::Parts parts;
  parts.precision = SHOAL_TRY(choose_precision(options.precision));
  std::vector<Size> sizes = options.buckets;
  if (sizes.empty() || options.raw) sizes = {model.description.input.size};
  std::vector<GraphPointer> graphs;
  std::vector<NetworkCost> networks;
  for (const Size size : sizes) {
    graphs.push_back(options.raw ? SHOAL_TRY(raw_graph(model, size))
                                 : SHOAL_TRY(bucket_graph(model, size)));
    networks.push_back(SHOAL_TRY(catching(ErrorCode::kUnsupported, model.description.path,
                                          [&]() -> Result<NetworkCost> {
                                            return network_cost(graphs.back(), size,
                                                                parts.precision, options.raw);
                                          })));
  }
  MemoryShape shape =
      SHOAL_TRY(fitting_shape(model.description.path, networks, options, parts.precision));
  parts.lanes = shape.lanes;
  parts.batch_max = shape.batch;
  const PlanRequest request{.model = &model,
                            .settings = {.precision = parts.precision,
                                         .streams = parts.lanes,
                                         .threads = std::max(parts.lanes, usable_core_count()),
                                         .cache_folder = options.compile_cache,
                                         .raw = options.raw},
                            // Comparing two ways of execution needs pictures, and room for both.
                            .execution = shape.batched ? options.execution : Execution::kSpread,
                            .batch_max = parts.batch_max,
                            .lanes = parts.lanes,
                            .cache_file = options.plan_cache};
  bool low_precision_failed = false;
  CompileSettings first = request.settings;
  first.low_precision_failed = &low_precision_failed;
  std::vector<std::string> plans;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    parts.buckets.push_back(SHOAL_TRY(compiled_bucket(model, graphs[i], sizes[i], first)));
    if (i == 0 && !options.raw) {
      SHOAL_TRY(try_head(parts.buckets.back().single, model, sizes[i]));
    }
    plans.push_back(SHOAL_TRY(plan_execution(request, parts.buckets.back())));
    if (shape.wide_lane && parts.lanes > 1) {
      CompileSettings all_cores = request.settings;
      all_cores.streams = 1;
      parts.wide.push_back(SHOAL_TRY(compiled_bucket(model, graphs[i], sizes[i], all_cores)));
    }
    graphs[i].reset();
  }
  shape.batched = true;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    networks[i].spread_only = !parts.buckets[i].batched;
  }
  parts.memory = plan_memory(networks, shape);
  parts.summary = summarise(parts, plans) + narrowed_text(shape, options);
  if (low_precision_failed) parts.summary += std::string("; ") + kWithoutLowPrecision.data();
  parts.model = std::move(model.description);
  return std::unique_ptr<Engine>(std::make_unique<OpenVinoEngine>(std::move(parts)));
}

}  // namespace shoal
