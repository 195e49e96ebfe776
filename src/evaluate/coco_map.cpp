#include "evaluate/coco_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.h"

namespace shoal {
namespace {

constexpr std::size_t kThresholds = 10;
constexpr std::size_t kRecalls = 101;
constexpr std::size_t kDetectionsMax = 100;  // of one picture and class

// Evenly spaced values with the same rounding as NumPy's linspace, so that an IoU or recall which
// meets a threshold exactly falls on the same side as in pycocotools.
template <std::size_t count>
std::array<double, count> evenly_spaced(double first, double last) {
  std::array<double, count> values{};
  const double step = (last - first) / static_cast<double>(count - 1);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i) * step + first;
  values[count - 1] = last;
  return values;
}

double overlap(const GroundTruth& a, const GroundTruth& b) {
  const double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  if (width <= 0) return 0;
  const double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (height <= 0) return 0;
  const double shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

GroundTruth as_rectangle(const Detection& detection) {
  const auto& box = detection.box;
  return {.class_id = detection.class_id,
          .x = static_cast<double>(box.x1),
          .y = static_cast<double>(box.y1),
          .width = static_cast<double>(box.x2) - static_cast<double>(box.x1),
          .height = static_cast<double>(box.y2) - static_cast<double>(box.y1)};
}

// For each detection (most confident first) a bit a threshold: set where it takes a labelled box
// that no better one took. Of equally good boxes the last one is taken, as pycocotools does.
std::vector<std::uint16_t> match(std::span<const GroundTruth> truth,
                                 std::span<const GroundTruth> detections) {
  static const auto kIou = evenly_spaced<kThresholds>(0.5, 0.95);
  std::vector<std::uint16_t> matched(detections.size(), 0);
  std::vector<std::uint16_t> taken(truth.size(), 0);
  std::vector<double> ious(truth.size());
  for (std::size_t d = 0; d < detections.size(); ++d) {
    for (std::size_t g = 0; g < truth.size(); ++g) ious[g] = overlap(detections[d], truth[g]);
    for (std::size_t t = 0; t < kThresholds; ++t) {
      const auto bit = static_cast<std::uint16_t>(1U << t);
      double best = std::min(kIou[t], 1 - 1e-10);
      std::size_t winner = truth.size();
      for (std::size_t g = 0; g < truth.size(); ++g) {
        if ((taken[g] & bit) != 0 || ious[g] < best) continue;
        best = ious[g];
        winner = g;
      }
      if (winner == truth.size()) continue;
      taken[winner] = static_cast<std::uint16_t>(taken[winner] | bit);
      matched[d] = static_cast<std::uint16_t>(matched[d] | bit);
    }
  }
  return matched;
}

double mean(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The mean of the best precision at or beyond each of 101 recalls; 0 beyond the last one reached.
double interpolated_precision(std::span<const double> recall, std::span<double> precision) {
  static const auto kRecall = evenly_spaced<kRecalls>(0.0, 1.0);
  for (std::size_t i = precision.size(); i-- > 1;) {
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  }
  double sum = 0;
  auto reached = recall.begin();
  for (const double target : kRecall) {
    reached = std::lower_bound(reached, recall.end(), target);
    if (reached == recall.end()) break;
    sum += precision[static_cast<std::size_t>(reached - recall.begin())];
  }
  return sum / static_cast<double>(kRecalls);
}

double six_decimals(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace

CocoEvaluator::CocoEvaluator(std::vector<std::string> class_names)
    : class_names_(std::move(class_names)), classes_(class_names_.size()) {
  SHOAL_CHECK(!class_names_.empty(), "CocoEvaluator needs at least one class name");
}

void CocoEvaluator::add(std::int64_t image_index, std::span<const GroundTruth> truth,
                        std::span<const Detection> detections) {
  ++images_;
  std::vector<std::vector<GroundTruth>> truth_by_class(classes_.size());
  for (const GroundTruth& box : truth) {
    const auto id = static_cast<std::size_t>(box.class_id);
    SHOAL_CHECK(id < classes_.size(), "a labelled class has no name");
    truth_by_class[id].push_back(box);
    ++classes_[id].instances;
  }
  std::vector<std::vector<const Detection*>> found_by_class(classes_.size());
  for (const Detection& detection : detections) {
    const auto id = static_cast<std::size_t>(detection.class_id);
    if (id < classes_.size()) found_by_class[id].push_back(&detection);
  }
  std::vector<GroundTruth> boxes;
  for (std::size_t id = 0; id < classes_.size(); ++id) {
    auto& found = found_by_class[id];
    if (found.empty()) continue;
    std::stable_sort(found.begin(), found.end(), [](const Detection* a, const Detection* b) {
      return a->confidence > b->confidence;
    });
    found.resize(std::min(found.size(), kDetectionsMax));
    boxes.clear();
    for (const Detection* detection : found) boxes.push_back(as_rectangle(*detection));
    const auto matched = match(truth_by_class[id], boxes);
    for (std::size_t d = 0; d < found.size(); ++d) {
      classes_[id].detections.push_back({.confidence = found[d]->confidence,
                                         .matched = matched[d],
                                         .image_index = image_index,
                                         .rank = static_cast<std::int32_t>(d)});
    }
  }
}

// One value a threshold. REQUIRES: instances > 0.
std::vector<double> CocoEvaluator::average_precisions(const ClassRecord& record) {
  std::vector<Scored> ranked = record.detections;
  std::sort(ranked.begin(), ranked.end(), [](const Scored& a, const Scored& b) {
    if (a.confidence != b.confidence) return a.confidence > b.confidence;
    if (a.image_index != b.image_index) return a.image_index < b.image_index;
    return a.rank < b.rank;
  });
  std::vector<double> averages(kThresholds);
  std::vector<double> recall(ranked.size());
  std::vector<double> precision(ranked.size());
  const auto instances = static_cast<double>(record.instances);
  for (std::size_t t = 0; t < kThresholds; ++t) {
    double hits = 0;
    for (std::size_t i = 0; i < ranked.size(); ++i) {
      if (((ranked[i].matched >> t) & 1U) != 0) ++hits;
      recall[i] = hits / instances;
      precision[i] =
          hits / (static_cast<double>(i + 1) + std::numeric_limits<double>::epsilon());
    }
    averages[t] = interpolated_precision(recall, precision);
  }
  return averages;
}

EvalReport CocoEvaluator::finish() const {
  EvalReport report{.images = images_, .classes = {}};
  for (std::size_t id = 0; id < classes_.size(); ++id) {
    if (classes_[id].instances == 0) continue;
    const auto averages = average_precisions(classes_[id]);
    report.classes.push_back({.name = class_names_[id],
                              .map50_95 = mean(averages),
                              .map50 = averages.front(),
                              .instances = classes_[id].instances});
    report.map50_95 += report.classes.back().map50_95;
    report.map50 += report.classes.back().map50;
  }
  if (!report.classes.empty()) {
    report.map50_95 /= static_cast<double>(report.classes.size());
    report.map50 /= static_cast<double>(report.classes.size());
  }
  return report;
}

std::string to_json(const EvalReport& report) {
  std::string classes;
  for (const ClassReport& entry : report.classes) {
    classes += fmt::format(R"({}{{"name":{},"map50_95":{},"instances":{}}})",
                           classes.empty() ? "" : ",",
                           boost::json::serialize(boost::json::string(entry.name)),
                           six_decimals(entry.map50_95), entry.instances);
  }
  return fmt::format(R"({{"map50_95":{},"map50":{},"images":{},"left_out":{},"multi_label":{},)"
                     R"("classes":[{}]}})",
                     six_decimals(report.map50_95), six_decimals(report.map50), report.images,
                     report.left_out, report.multi_label, classes);
}

}  // namespace shoal
