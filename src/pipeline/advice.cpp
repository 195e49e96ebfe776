#include "pipeline/advice.h"

#include <fmt/format.h>

#include <filesystem>

namespace shoal {
namespace {

// Below this there is too little to gain, or too little measured, to speak of.
constexpr double kWorthSaying = 0.10;
constexpr std::int64_t kFewPictures = 16;

std::string advice(const RunSummary& summary, const Engine& engine) {
  if (summary.pictures - summary.failed < kFewPictures) return {};
  if (summary.padding > kWorthSaying && engine.buckets().size() == 1) {
    // The network's time is proportional to the pixels it is given, padding included.
    return fmt::format(
        "--rect, if the model allows it: {:.0f} % of the network's input was padding",
        summary.padding * 100);
  }
  const double preprocess_and_post = summary.preprocess.lane_share + summary.postprocess.lane_share;
  if (summary.postprocess.lane_share > kWorthSaying) {
    return fmt::format("a higher --conf: {:.0f} % of the lanes' time went into postprocessing",
                       summary.postprocess.lane_share * 100);
  }
  if (preprocess_and_post > 2 * kWorthSaying) {
    return "smaller pictures: resampling takes a fifth of the lanes' time";
  }
  return {};
}

}  // namespace

std::string model_line(const Engine& engine) {
  const ModelDescription& model = engine.model();
  std::string shapes;
  for (const Size& size : engine.buckets()) {
    shapes += fmt::format("{}{}x{}", shapes.empty() ? "" : " ", size.width, size.height);
  }
  return fmt::format("{}   {}, {} classes{}, {}, batch 1..{}",
                     std::filesystem::path(model.path).filename().string(), model.family,
                     model.head.class_count, model.names_known ? "" : " (their names are a guess)",
                     shapes, engine.batch_max());
}

void describe_run(RunSummary& summary, const Engine& engine, bool multi_label) {
  summary.model = model_line(engine);
  summary.multi_label = multi_label;
  if (engine.model().head.needs_nms()) {
    summary.model += multi_label ? ", every class of a box" : ", best class of a box";
  }
  summary.engine = engine.summary();
  summary.advice = advice(summary, engine);
}

}  // namespace shoal
