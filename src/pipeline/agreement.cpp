#include "pipeline/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/check.h"

namespace shoal {
namespace {

constexpr int kBoxesNeeded = 50;
constexpr float kOverlapOfPartners = 0.5F;
constexpr float kPixels = 1.0F;
constexpr float kScore = 0.02F;  // bf16 keeps 8 bits of mantissa
constexpr double kAlone = 0.02;  // share of boxes

float overlap(const Box<SourceSpace>& a, const Box<SourceSpace>& b) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const float common = std::max(0.0F, width) * std::max(0.0F, height);
  return common / std::max(1e-9F, a.area() + b.area() - common);
}

struct Pair {
  float overlap = 0;
  std::size_t reference = 0;
  std::size_t other = 0;
};

// Of one picture: all that might be partners, the best overlap first.
std::vector<Pair> possible_pairs(const Detections& reference, const Detections& other) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < reference.items.size(); ++i) {
    for (std::size_t j = 0; j < other.items.size(); ++j) {
      if (reference.items[i].class_id != other.items[j].class_id) continue;
      const float common = overlap(reference.items[i].box, other.items[j].box);
      if (common >= kOverlapOfPartners) pairs.push_back({common, i, j});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.overlap > b.overlap; });
  return pairs;
}

float largest_difference(const Box<SourceSpace>& a, const Box<SourceSpace>& b) {
  return std::max({std::abs(a.x1 - b.x1), std::abs(a.y1 - b.y1), std::abs(a.x2 - b.x2),
                   std::abs(a.y2 - b.y2)});
}

float median(std::vector<float> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Counts the boxes that need a partner, and those of them that have none.
void count(const Detections& found, const std::vector<bool>& paired, float confidence, int& boxes,
           int& alone) {
  for (std::size_t i = 0; i < found.items.size(); ++i) {
    if (found.items[i].confidence <= confidence) continue;
    ++boxes;
    if (!paired[i]) ++alone;
  }
}

}  // namespace

Agreement compare_boxes(std::span<const PictureBoxes> reference,
                        std::span<const PictureBoxes> other, float confidence) {
  SHOAL_CHECK(reference.size() == other.size(), "two runs of the same pictures");
  Agreement agreement;
  agreement.pictures = static_cast<int>(reference.size());
  std::vector<float> pixels;
  std::vector<float> scores;
  for (std::size_t k = 0; k < reference.size(); ++k) {
    const Detections& expected = reference[k].boxes;
    const Detections& got = other[k].boxes;
    std::vector<bool> expected_paired(expected.items.size());
    std::vector<bool> got_paired(got.items.size());
    for (const Pair& pair : possible_pairs(expected, got)) {
      if (expected_paired[pair.reference] || got_paired[pair.other]) continue;
      expected_paired[pair.reference] = got_paired[pair.other] = true;
      const Detection& a = expected.items[pair.reference];
      const Detection& b = got.items[pair.other];
      if (std::max(a.confidence, b.confidence) <= confidence) continue;
      pixels.push_back(largest_difference(a.box, b.box) * reference[k].network_scale);
      scores.push_back(std::abs(a.confidence - b.confidence));
    }
    count(expected, expected_paired, confidence, agreement.reference_boxes,
          agreement.reference_alone);
    count(got, got_paired, confidence, agreement.other_boxes, agreement.other_alone);
  }
  agreement.median_pixels = median(std::move(pixels));
  agreement.median_score = median(std::move(scores));
  return agreement;
}

CheckOutcome judge(const Agreement& agreement) {
  if (std::max(agreement.reference_boxes, agreement.other_boxes) < kBoxesNeeded) {
    return CheckOutcome::kNotJudged;
  }
  const bool kept = agreement.reference_alone <= kAlone * agreement.reference_boxes;
  const bool nothing_new = agreement.other_alone <= kAlone * agreement.other_boxes;
  const bool close = agreement.median_pixels <= kPixels && agreement.median_score <= kScore;
  return kept && nothing_new && close ? CheckOutcome::kOk : CheckOutcome::kFailed;
}

std::string agreement_text(const Agreement& agreement) {
  std::string text = fmt::format(
      "{} boxes and {} on {} pictures, median difference {:.2f} px and {:.4f} score, {} and {} "
      "without a partner", agreement.reference_boxes, agreement.other_boxes, agreement.pictures,
      agreement.median_pixels, agreement.median_score, agreement.reference_alone,
      agreement.other_alone);
  if (judge(agreement) == CheckOutcome::kNotJudged) {
    text += fmt::format("; {} boxes are needed: give pictures that suit the model", kBoxesNeeded);
  }
  return text;
}

}  // namespace shoal
