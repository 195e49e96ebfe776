#include "pipeline/loading.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "models/builtin_models.h"
#include "pipeline/memory_limits.h"
#include "pipeline/timed_load.h"

namespace shoal {
namespace {

constexpr std::string_view kBuiltin = "builtin:";

Error out_of_range(std::string_view option, const std::string& got, std::string_view allowed) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("{}: expected {}, got {}", option, allowed, got)};
}

int round_up(int value, int step) { return (value + step - 1) / step * step; }

}  // namespace

ModelSource resolve_model(std::string_view model) {
  const bool prefixed = model.starts_with(kBuiltin);
  const std::string_view name = prefixed ? model.substr(kBuiltin.size()) : model;
  ModelSource source{.path = std::string(model), .embedded = builtin_model(name), .name = {}};
  if (!source.embedded.empty()) source.name = std::string(name);
  return source;
}

Result<Precision> parse_precision(std::string_view text) {
  for (const Precision precision : {Precision::kAuto, Precision::kFp32, Precision::kBf16,
                                    Precision::kFp16, Precision::kInt8}) {
    if (text == to_string(precision)) return precision;
  }
  return out_of_range("precision", std::string(text), "auto, fp32, bf16, fp16 or int8");
}

Result<EngineOptions> engine_options(const DetectorOptions& options) {
  if (options.batch_max < 1 || options.batch_max > 1024) {
    return out_of_range("batch", std::to_string(options.batch_max), "1 to 1024");
  }
  if (options.lanes < 0 || options.lanes > 256) {
    return out_of_range("lanes", std::to_string(options.lanes), "0 (automatic) to 256");
  }
  EngineOptions engine;
  engine.name = options.engine;
  engine.precision = SHOAL_TRY(parse_precision(options.precision));
  engine.batch_max = options.batch_max;
  engine.lanes = options.lanes;
  engine.buckets = options.shapes;
  engine.family = options.family;
  engine.class_names = options.class_names;
  engine.memory_limit = SHOAL_TRY(memory_for_model(options, memory_facts()));
  return engine;
}

PostprocessOptions postprocess_options(const DetectorOptions& options) {
  PostprocessOptions post;
  post.confidence = options.confidence;
  post.iou = options.iou;
  post.max_det = options.max_det;
  post.agnostic = options.agnostic;
  post.multi_label = options.multi_label;
  post.classes.assign(options.classes.begin(), options.classes.end());
  return post;
}

std::vector<Size> rectangular_shapes(int side, int stride) {
  const int four_to_three = round_up(side * 3 / 4, stride);
  const int sixteen_to_nine = round_up(side * 9 / 16, stride);
  std::vector<Size> shapes{{side, side}};
  for (const int shorter : {four_to_three, sixteen_to_nine}) {
    if (shorter >= side) continue;
    shapes.push_back({side, shorter});
    shapes.push_back({shorter, side});
  }
  return shapes;
}

Result<std::unique_ptr<LanePool>> load_lanes(const DetectorOptions& options,
                                             const EngineOptions& engine,
                                             const PictureLimits& limits,
                                             Duration priority_ageing) {
  if (options.requests_max < 1) {
    return out_of_range("requests_max", std::to_string(options.requests_max), "at least 1");
  }
  if (options.queue_delay < std::chrono::microseconds::zero()) {
    return out_of_range("queue_delay", std::to_string(options.queue_delay.count()) + " us",
                        "at least 0");
  }
  const PostprocessOptions post = postprocess_options(options);
  const auto fits = [post](const ModelDescription& model) {
    return Postprocess::check(model.head, post);
  };
  auto loaded = SHOAL_TRY(load_engine_in_time(resolve_model(options.model), engine, fits));
  return LanePool::create(std::move(loaded),
                          {.postprocess = post,
                           .queue_delay = options.queue_delay,
                           .priority_ageing = priority_ageing,
                           .queue_limit = static_cast<std::size_t>(options.requests_max),
                           .limits = limits});
}

Result<std::unique_ptr<LanePool>> load_raw_lanes(const DetectorOptions& options,
                                                 const LoadLimits& load, int queue_limit) {
  EngineOptions engine = SHOAL_TRY(engine_options(options));
  engine.raw = true;
  engine.load = load;
  auto loaded = SHOAL_TRY(load_engine_in_time(resolve_model(options.model), engine));
  return LanePool::create(std::move(loaded),
                          {.postprocess = {},
                           .queue_delay = options.queue_delay,
                           .queue_limit = static_cast<std::size_t>(queue_limit),
                           .raw = true});
}

Result<void> copy_pixels(Frame& frame, const ImageView& picture) {
  const auto row_bytes = static_cast<std::size_t>(picture.size.width) * 3;
  const auto rows = static_cast<std::size_t>(picture.size.height);
  std::uint8_t* out = frame.pixels.reserve(row_bytes * rows);
  if (out == nullptr) {
    return Error{ErrorCode::kOutOfMemory,
                 fmt::format("no memory for a picture of {} bytes", row_bytes * rows)};
  }
  for (std::size_t y = 0; y < rows; ++y) {
    std::memcpy(out + y * row_bytes,
                picture.data + static_cast<std::ptrdiff_t>(y) * picture.pitch_bytes, row_bytes);
  }
  frame.size = frame.source_size = picture.size;
  frame.pitch_bytes = static_cast<std::ptrdiff_t>(row_bytes);
  frame.format = picture.format;
  return {};
}

}  // namespace shoal
