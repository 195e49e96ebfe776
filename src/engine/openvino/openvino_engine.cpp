#include "engine/openvino/openvino_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/cores.h"
#include "engine/openvino/compile.h"

namespace shoal {
namespace {

class OpenVinoEngine final : public Engine {
 public:
  struct Parts {
    ModelDescription model;
    std::vector<CompiledBucket> buckets;
    Precision precision = Precision::kFp32;
    int batch_max = 1;
    int lanes = 1;
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
                          std::make_unique<OpenVinoLane>(parts_.buckets, parts_.batch_max));
                    });
  }

 private:
  const Parts parts_;
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

}  // namespace

Result<std::unique_ptr<Engine>> load_openvino_engine(ImportedModel model,
                                                     const EngineOptions& options) {
  SHOAL_TRY(check_options(options));
  OpenVinoEngine::Parts parts;
  parts.precision = SHOAL_TRY(choose_precision(options.precision));
  const int cores = usable_core_count();
  const bool latency = options.mode == PerformanceMode::kLatency;
  parts.lanes = options.lanes > 0 ? options.lanes : (latency ? 1 : cores);
  parts.batch_max = options.batch_max;
  const CompileSettings settings{.precision = parts.precision,
                                 .streams = parts.lanes,
                                 .threads = std::max(parts.lanes, cores),
                                 .cache_folder = options.compile_cache};
  const std::string path = model.description.path;
  std::vector<Size> sizes = options.buckets;
  if (sizes.empty()) sizes.push_back(model.description.input.size);
  return catching(ErrorCode::kUnsupported, path, [&]() -> Result<std::unique_ptr<Engine>> {
    for (const Size size : sizes) {
      const GraphPointer fixed = reshaped(model.graph, model.layout, 1, size);
      parts.buckets.push_back(
          {size, compile(fixed, model.layout, model.description.input, settings), {}});
    }
    parts.summary = fmt::format("openvino {}, {} {}, batch spread", to_string(parts.precision),
                                parts.lanes, parts.lanes == 1 ? "lane" : "lanes");
    parts.model = std::move(model.description);
    return std::unique_ptr<Engine>(std::make_unique<OpenVinoEngine>(std::move(parts)));
  });
}

}  // namespace shoal
