// Scores to hits, for the four ways in which heads lay out their scores. The vectorised loops
// stand in kernels.h.
#include "postprocess/score_scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "postprocess/kernels.h"

namespace shoal::internal {
namespace {

constexpr std::size_t kPiece = 4096;          // values of one scan, so that its results stay in L1
constexpr std::size_t kBoxAndObjectness = 5;  // columns before the class scores

float sigmoid(float logit) { return 1.0F / (1.0F + std::exp(-logit)); }

// Collects hits, never more than twice the limit: when full, the better half stays.
class HitCollector {
 public:
  HitCollector(BoxDecodeScratch& scratch, const HeadDescription& head,
               const BoxDecodeOptions& options)
      : hits_(scratch.hits),
        border_(scratch.border),
        wanted_(scratch.wanted),
        threshold_(options.confidence),
        limit_(static_cast<std::size_t>(options.max_candidates)) {
    hits_.clear();
    hits_.reserve(2 * limit_);
    border_.reserve(2 * limit_);
    wanted_.assign(static_cast<std::size_t>(head.class_count), options.classes.empty() ? 1 : 0);
    for (const std::int32_t id : options.classes) {
      if (id >= 0 && id < head.class_count) wanted_[static_cast<std::size_t>(id)] = 1;
    }
  }

  void add(float score, std::size_t anchor, std::size_t class_id) {
    if (!std::isfinite(score) || !(score > threshold_) || wanted_[class_id] == 0) return;
    score = std::min(score, 1.0F);
    if (score < floor_) return;  // worse than all of a full set
    hits_.push_back(
        {score, static_cast<std::int32_t>(anchor), static_cast<std::int32_t>(class_id)});
    if (hits_.size() == 2 * limit_) keep_best();
  }

  // Returns whether something was cut.
  [[nodiscard]] bool finish() {
    if (hits_.size() > limit_) keep_best();
    return truncated_;
  }

 private:
  // Positive floats order as their bits, so a histogram of the upper bits finds the bucket in which
  // the limit falls. What is above it stays, in order (a box is then decoded once for all classes
  // of its anchor); only the bucket itself is ranked.
  void keep_best() {
    std::array<std::uint32_t, kBuckets> histogram{};
    for (const Hit& hit : hits_) ++histogram[bucket_of(hit)];
    std::size_t above = 0;
    std::size_t border = kBuckets - 1;
    while (above + histogram[border] < limit_) above += histogram[border--];
    border_.clear();
    std::size_t kept = 0;
    for (const Hit& hit : hits_) {
      const std::size_t bucket = bucket_of(hit);
      if (bucket == border) border_.push_back(hit);
      hits_[kept] = hit;
      kept += bucket > border ? 1 : 0;
    }
    const auto better = [](const Hit& a, const Hit& b) {
      if (a.score != b.score) return a.score > b.score;
      return a.anchor != b.anchor ? a.anchor < b.anchor : a.class_id < b.class_id;
    };
    const auto places = static_cast<std::ptrdiff_t>(limit_ - above);  // at least one
    const auto worst = border_.begin() + places - 1;
    std::nth_element(border_.begin(), worst, border_.end(), better);
    floor_ = worst->score;
    std::copy(border_.begin(), border_.begin() + places,
              hits_.begin() + static_cast<std::ptrdiff_t>(kept));
    hits_.resize(limit_);
    truncated_ = true;
  }

  static constexpr int kBucketShift = 18;  // 32 buckets an octave
  static constexpr std::size_t kBuckets = (0x3F800000U >> kBucketShift) + 1;  // up to 1.0F
  [[nodiscard]] static std::size_t bucket_of(const Hit& hit) {
    return std::bit_cast<std::uint32_t>(hit.score) >> kBucketShift;
  }

  std::vector<Hit>& hits_;
  std::vector<Hit>& border_;
  std::vector<std::uint8_t>& wanted_;
  float threshold_;
  float floor_ = 0;
  std::size_t limit_;
  bool truncated_ = false;
};

// One picture being decoded: scans fill the collector.
class HeadScan {
 public:
  HeadScan(HeadView outputs, const HeadDescription& head, const BoxDecodeOptions& options,
           BoxDecodeScratch& scratch)
      : outputs_(outputs),
        head_(head),
        classes_(static_cast<std::size_t>(head.class_count)),
        confidence_(options.confidence),
        multi_label_(options.multi_label),
        kernels_(postprocess_kernels(options.instructions)),
        scratch_(scratch),
        collector_(scratch, head, options) {
    scratch.indices.resize(std::max(kPiece, classes_) + kIndexSlack);
  }

  // Returns whether max_candidates cut something.
  [[nodiscard]] bool run() {
    switch (head_.encoding) {
      case BoxEncoding::kXywhScores:
        multi_label_ ? scan_class_rows() : scan_class_maxima();
        break;
      case BoxEncoding::kXywhObjectnessScores:
      case BoxEncoding::kYoloxGrid: scan_objectness(); break;
      case BoxEncoding::kEndToEnd: scan_final_rows(); break;
      case BoxEncoding::kGflDistances:
      case BoxEncoding::kGflBins: scan_levels(); break;
    }
    return collector_.finish();
  }

 private:
  [[nodiscard]] const TensorView& single() const {
    return outputs_[static_cast<std::size_t>(head_.levels[0].boxes)];
  }

  // What raw scores must be above to be worth a look: never too high for a hit. Where scores are
  // logits, the margins are far larger than the rounding of sigmoid().
  [[nodiscard]] float raw_threshold() const {
    if (!head_.scores_are_logits) return confidence_;
    const double score = static_cast<double>(confidence_) - 1e-6;
    if (score <= 0) return -std::numeric_limits<float>::infinity();
    return static_cast<float>(std::log(score / (1 - score)) - 1e-3);
  }

  // A NaN or an infinity stays what it is, so that it is seen as absent.
  [[nodiscard]] float score_of(float raw) const {
    return head_.scores_are_logits && std::isfinite(raw) ? sigmoid(raw) : raw;
  }

  // Positions of values * factor above the threshold, a piece at a time.
  template <typename Visit>
  void for_each_above(const float* values, std::size_t count, float threshold, Visit visit) {
    for (std::size_t begin = 0; begin < count; begin += kPiece) {
      const std::size_t size = std::min(kPiece, count - begin);
      const std::size_t found =
          kernels_.collect_above(scratch_.indices.data(), values + begin, size, 1.0F, threshold);
      for (std::size_t i = 0; i < found; ++i) visit(begin + scratch_.indices[i]);
    }
  }

  // [4 + C, N], every class above the threshold.
  void scan_class_rows() {
    const auto anchors = static_cast<std::size_t>(single().shape[1]);
    for (std::size_t c = 0; c < classes_; ++c) {
      const float* row = single().data + (4 + c) * anchors;
      for_each_above(row, anchors, raw_threshold(), [&](std::size_t anchor) {
        collector_.add(score_of(row[anchor]), anchor, c);
      });
    }
  }

  // [4 + C, N], the best class: maxima over whole rows first, which reads memory in order, then
  // the class of the few anchors whose maximum is above the threshold.
  void scan_class_maxima() {
    const auto anchors = static_cast<std::size_t>(single().shape[1]);
    const float* scores = single().data + 4 * anchors;
    scratch_.maxima.assign(anchors, -std::numeric_limits<float>::infinity());
    for (std::size_t c = 0; c < classes_; ++c) {
      kernels_.raise_to_row(scratch_.maxima.data(), scores + c * anchors, anchors);
    }
    for_each_above(scratch_.maxima.data(), anchors, raw_threshold(), [&](std::size_t anchor) {
      Best best;
      for (std::size_t c = 0; c < classes_; ++c) best.offer(scores[c * anchors + anchor], c);
      if (best.found) collector_.add(score_of(best.value), anchor, best.class_id);
    });
  }

  // [N, 5 + C]: a row's classes are looked at only if its objectness is above the threshold.
  void scan_objectness() {
    const auto anchors = static_cast<std::size_t>(single().shape[0]);
    const std::size_t columns = kBoxAndObjectness + classes_;
    for (std::size_t anchor = 0; anchor < anchors; ++anchor) {
      const float* row = single().data + anchor * columns;
      const float objectness = score_of(row[kBoxAndObjectness - 1]);
      if (!(objectness > confidence_) || !std::isfinite(objectness)) continue;
      add_row(row + kBoxAndObjectness, objectness, anchor);
    }
  }

  // One anchor's class scores, contiguous.
  void add_row(const float* scores, float objectness, std::size_t anchor) {
    const float factor = head_.scores_are_logits ? 1.0F : objectness;
    const std::size_t found = kernels_.collect_above(scratch_.indices.data(), scores, classes_,
                                                     factor, raw_threshold());
    Best best;
    for (std::size_t i = 0; i < found; ++i) {
      const std::size_t c = scratch_.indices[i];
      const float score = score_of(scores[c]) * objectness;
      if (multi_label_) {
        collector_.add(score, anchor, c);
      } else {
        best.offer(score, c);
      }
    }
    if (best.found) collector_.add(best.value, anchor, best.class_id);
  }

  // [K, 6]
  void scan_final_rows() {
    const auto rows = static_cast<std::size_t>(single().shape[0]);
    for (std::size_t i = 0; i < rows; ++i) {
      const float* row = single().data + i * 6;
      const float class_id = row[5];
      const bool is_class = class_id >= 0 && class_id < static_cast<float>(classes_) &&
                            class_id == std::floor(class_id);
      if (is_class) collector_.add(score_of(row[4]), i, static_cast<std::size_t>(class_id));
    }
  }

  // Per stride [n, C]: whole rows that fit a piece are scanned at once.
  void scan_levels() {
    const std::size_t rows_a_piece = std::max<std::size_t>(1, kPiece / classes_);
    std::size_t first = 0;
    for (const HeadLevel& level : head_.levels) {
      const TensorView& scores = outputs_[static_cast<std::size_t>(level.scores)];
      const auto rows = static_cast<std::size_t>(scores.shape[0]);
      for (std::size_t row = 0; row < rows; row += rows_a_piece) {
        add_rows(scores.data + row * classes_, std::min(rows_a_piece, rows - row), first + row);
      }
      first += rows;
    }
  }

  void add_rows(const float* scores, std::size_t rows, std::size_t first_anchor) {
    const std::size_t found = kernels_.collect_above(scratch_.indices.data(), scores,
                                                     rows * classes_, 1.0F, raw_threshold());
    for (std::size_t i = 0; i < found;) {
      const std::size_t row = scratch_.indices[i] / classes_;
      Best best;
      for (; i < found && scratch_.indices[i] / classes_ == row; ++i) {
        const std::size_t c = scratch_.indices[i] % classes_;
        if (multi_label_) {
          collector_.add(score_of(scores[scratch_.indices[i]]), first_anchor + row, c);
        } else {
          best.offer(scores[scratch_.indices[i]], c);
        }
      }
      if (best.found) collector_.add(score_of(best.value), first_anchor + row, best.class_id);
    }
  }

  // The largest finite value and the lowest class that has it.
  struct Best {
    float value = 0;
    std::size_t class_id = 0;
    bool found = false;
    void offer(float candidate, std::size_t c) {
      if (!std::isfinite(candidate) || (found && !(candidate > value))) return;
      value = candidate;
      class_id = c;
      found = true;
    }
  };

  HeadView outputs_;
  const HeadDescription& head_;
  std::size_t classes_;
  float confidence_;
  bool multi_label_;
  const PostprocessKernels& kernels_;
  BoxDecodeScratch& scratch_;
  HitCollector collector_;
};

}  // namespace

bool scan_scores(HeadView outputs, const HeadDescription& head, const BoxDecodeOptions& options,
                 BoxDecodeScratch& scratch) {
  return HeadScan(outputs, head, options, scratch).run();
}

}  // namespace shoal::internal
