// Goal: every encoding gives the boxes its definition says, at both label modes, by every
// instruction set, and nothing that is not finite gets through. Method: a plain double-precision
// decoder that looks at every anchor and class, on outputs made from seeds.
#include "postprocess/box_decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "postprocess/head_samples.h"

namespace shoal {
namespace {

using samples::Head;
using samples::make_head;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Expected {
  double score = 0;
  double box[4] = {};
};
using Key = std::pair<std::int32_t, std::int32_t>;  // anchor, class
using Answer = std::map<Key, Expected>;

struct Anchor {
  double box[4] = {};
  std::vector<double> scores;
};

double probability(const Head& head, float raw) {
  return head.description.scores_are_logits ? 1 / (1 + std::exp(-static_cast<double>(raw))) : raw;
}

void set_centre(Anchor& anchor, double x, double y, double w, double h) {
  const double box[4] = {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
  std::copy(std::begin(box), std::end(box), std::begin(anchor.box));
}

std::vector<Anchor> class_rows_by_definition(const Head& head) {
  const auto& values = head.values[0];
  const auto n = static_cast<std::size_t>(head.tensors[0].shape[1]);
  std::vector<Anchor> anchors(n);
  for (std::size_t i = 0; i < n; ++i) {
    set_centre(anchors[i], values[i], values[n + i], values[2 * n + i], values[3 * n + i]);
    for (std::size_t at = 4 * n + i; at < values.size(); at += n) {
      anchors[i].scores.push_back(probability(head, values[at]));
    }
  }
  return anchors;
}

std::vector<Anchor> objectness_by_definition(const Head& head) {
  std::vector<Anchor> anchors;
  const auto columns = static_cast<std::size_t>(head.tensors[0].shape[1]);
  const bool grid = head.description.encoding == BoxEncoding::kYoloxGrid;
  std::vector<std::array<double, 3>> cells;  // column, row, stride
  for (const int stride : head.description.strides) {
    for (int y = 0; y < head.network.height / stride; ++y) {
      for (int x = 0; x < head.network.width / stride; ++x) {
        cells.push_back({1.0 * x, 1.0 * y, 1.0 * stride});
      }
    }
  }
  for (std::size_t at = 0; at < head.values[0].size(); at += columns) {
    const float* row = &head.values[0][at];
    Anchor anchor;
    if (grid) {
      const auto [x, y, stride] = cells[at / columns];
      set_centre(anchor, (row[0] + x) * stride, (row[1] + y) * stride,
                 std::exp(static_cast<double>(row[2])) * stride,
                 std::exp(static_cast<double>(row[3])) * stride);
    } else {
      set_centre(anchor, row[0], row[1], row[2], row[3]);
    }
    for (std::size_t c = 5; c < columns; ++c) {
      anchor.scores.push_back(probability(head, row[4]) * probability(head, row[c]));
    }
    anchors.push_back(anchor);
  }
  return anchors;
}

std::vector<Anchor> end_to_end_by_definition(const Head& head) {
  std::vector<Anchor> anchors;
  for (std::size_t at = 0; at < head.values[0].size(); at += 6) {
    const float* row = &head.values[0][at];
    Anchor anchor;
    std::copy(row, row + 4, anchor.box);
    anchor.scores.assign(static_cast<std::size_t>(head.description.class_count), 0);
    anchor.scores[static_cast<std::size_t>(row[5])] = probability(head, row[4]);
    anchors.push_back(anchor);
  }
  return anchors;
}

std::vector<Anchor> gfl_by_definition(const Head& head) {
  std::vector<Anchor> anchors;
  const std::size_t levels = head.description.levels.size();
  for (std::size_t level = 0; level < levels; ++level) {
    const int stride = head.description.levels[level].stride;
    const int columns = (head.network.width + stride - 1) / stride;
    const auto n = static_cast<std::size_t>(head.tensors[level].shape[0]);
    const auto classes = static_cast<std::size_t>(head.description.class_count);
    for (std::size_t i = 0; i < n; ++i) {
      double distance[4];
      for (std::size_t side = 0; side < 4; ++side) {
        if (head.description.encoding == BoxEncoding::kGflDistances) {
          distance[side] = head.values[levels + level][i * 4 + side];
          continue;
        }
        double sum = 0;
        double weighted = 0;
        for (std::size_t bin = 0; bin < 8; ++bin) {
          const double weight = std::exp(
              static_cast<double>(head.values[levels + level][i * 32 + side * 8 + bin]));
          sum += weight;
          weighted += weight * static_cast<double>(bin);
        }
        distance[side] = weighted / sum;
      }
      const double x = static_cast<int>(i) % columns + 0.5;
      const double y = static_cast<int>(i) / columns + 0.5;
      Anchor anchor;
      anchor.box[0] = (x - distance[0]) * stride;
      anchor.box[1] = (y - distance[1]) * stride;
      anchor.box[2] = (x + distance[2]) * stride;
      anchor.box[3] = (y + distance[3]) * stride;
      for (std::size_t c = 0; c < classes; ++c) {
        anchor.scores.push_back(probability(head, head.values[level][i * classes + c]));
      }
      anchors.push_back(anchor);
    }
  }
  return anchors;
}

Answer by_definition(const Head& head, double confidence, bool multi_label) {
  std::vector<Anchor> anchors;
  switch (head.description.encoding) {
    case BoxEncoding::kXywhScores: anchors = class_rows_by_definition(head); break;
    case BoxEncoding::kXywhObjectnessScores:
    case BoxEncoding::kYoloxGrid: anchors = objectness_by_definition(head); break;
    case BoxEncoding::kEndToEnd: anchors = end_to_end_by_definition(head); break;
    case BoxEncoding::kGflDistances:
    case BoxEncoding::kGflBins: anchors = gfl_by_definition(head); break;
  }
  Answer answer;
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    const auto& scores = anchors[i].scores;
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    for (std::size_t c = 0; c < scores.size(); ++c) {
      if (!(scores[c] > confidence)) continue;
      if (!multi_label && static_cast<std::ptrdiff_t>(c) != best) continue;
      Expected& expected = answer[{static_cast<int>(i), static_cast<int>(c)}];
      expected.score = scores[c];
      std::copy(std::begin(anchors[i].box), std::end(anchors[i].box), expected.box);
    }
  }
  return answer;
}

Candidates decode(const Head& head, const BoxDecodeOptions& options) {
  Candidates out;
  BoxDecodeScratch scratch;
  const auto result =
      decode_boxes(out, head.view(), head.description, head.network, options, scratch);
  EXPECT_TRUE(result) << result.error().message;
  return out;
}

// In one order, so that answers can be compared as wholes.
std::vector<std::array<float, 7>> rows_of(const Candidates& candidates) {
  std::vector<std::array<float, 7>> rows;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    rows.push_back({static_cast<float>(candidates.anchor[i]),
                    static_cast<float>(candidates.class_id[i]), candidates.score[i],
                    candidates.x1[i], candidates.y1[i], candidates.x2[i], candidates.y2[i]});
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void expect_answer(const Candidates& got, const Answer& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  std::size_t i = 0;
  const auto rows = rows_of(got);
  for (const auto& [key, value] : expected) {
    const auto& row = rows[i++];
    ASSERT_EQ(static_cast<int>(row[0]), key.first) << what;
    ASSERT_EQ(static_cast<int>(row[1]), key.second) << what;
    ASSERT_NEAR(row[2], value.score, 2e-6) << what;
    for (std::size_t side = 0; side < 4; ++side) {
      ASSERT_NEAR(row[3 + side], value.box[side], 2e-4) << what;
    }
  }
}

TEST(BoxDecodeTest, EveryEncodingDecodesAsDefined) {
  std::size_t candidates = 0;
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    for (const BoxEncoding encoding : samples::kEncodings) {
      const bool logits = seed % 3 == 0;
      const Size network = seed % 2 == 0 ? Size{96, 64} : Size{160, 224};
      const Head head = make_head({.encoding = encoding,
                                   .class_count = seed % 4 == 0 ? 1 : static_cast<int>(6 * seed),
                                   .network = network,
                                   .logits = logits,
                                   .seed = seed});
      for (const float confidence : {0.0011F, 0.25F}) {
        for (const bool multi_label : {false, true}) {
          const Answer expected = by_definition(head, confidence, multi_label);
          candidates += expected.size();
          for (const auto set : samples::instruction_sets()) {
            expect_answer(decode(head, {.confidence = confidence,
                                        .multi_label = multi_label,
                                        .max_candidates = 1 << 20,
                                        .instructions = set}),
                          expected,
                          std::string(to_string(encoding)) + " seed " + std::to_string(seed) +
                              (multi_label ? " multi " : " single ") +
                              std::string(to_string(set)));
          }
        }
      }
    }
  }
  EXPECT_GT(candidates, 10000U);  // the comparison was not of empty answers
}

TEST(BoxDecodeTest, InstructionSetsGiveBitEqualCandidates) {
  for (const BoxEncoding encoding : samples::kEncodings) {
    for (std::uint32_t seed = 100; seed < 106; ++seed) {
      const Head head = make_head({.encoding = encoding, .class_count = 80, .seed = seed});
      for (const bool multi_label : {false, true}) {
        BoxDecodeOptions options{.confidence = 0.001F, .multi_label = multi_label};
        options.instructions = InstructionSet::kScalar;
        const auto expected = rows_of(decode(head, options));
        for (const auto set : samples::instruction_sets()) {
          options.instructions = set;
          EXPECT_EQ(rows_of(decode(head, options)), expected) << to_string(set);
        }
      }
    }
  }
}

TEST(BoxDecodeTest, ScoreEqualToTheThresholdIsNotACandidate) {
  Head head = make_head({.class_count = 3, .density = 0});
  head.values[0][4 * head.values[0].size() / 7 + 5] = 0.25F;  // class 0 of anchor 5
  EXPECT_EQ(decode(head, {.confidence = 0.25F}).size(), 0U);
  EXPECT_EQ(decode(head, {.confidence = 0.2499F}).size(), 1U);
}

TEST(BoxDecodeTest, EqualClassesGiveTheLowestOne) {
  for (const auto set : samples::instruction_sets()) {
    Head head = make_head({.class_count = 40, .density = 0});
    const auto n = static_cast<std::size_t>(head.tensors[0].shape[1]);
    for (const std::size_t c : {9U, 4U, 33U}) head.values[0][(4 + c) * n + 7] = 0.5F;
    const Candidates candidates = decode(head, {.instructions = set});
    ASSERT_EQ(candidates.size(), 1U);
    EXPECT_EQ(candidates.class_id[0], 4);
    EXPECT_EQ(candidates.anchor[0], 7);
  }
}

TEST(BoxDecodeTest, OnlyWantedClassesPassAndTheBestIsChosenBefore) {
  Head head = make_head({.class_count = 3, .density = 0});
  const auto n = static_cast<std::size_t>(head.tensors[0].shape[1]);
  head.values[0][4 * n + 7] = 0.9F;
  head.values[0][5 * n + 7] = 0.8F;
  EXPECT_EQ(decode(head, {.classes = {1}}).size(), 0U);
  EXPECT_EQ(decode(head, {.classes = {0, 2}}).size(), 1U);
  const Candidates candidates = decode(head, {.multi_label = true, .classes = {1}});
  ASSERT_EQ(candidates.size(), 1U);
  EXPECT_EQ(candidates.class_id[0], 1);
}

TEST(BoxDecodeTest, MoreThanTheLimitKeepsTheBestAndSaysSo) {
  for (const BoxEncoding encoding : samples::kEncodings) {
    const Head head =
        make_head({.encoding = encoding, .class_count = 20, .density = 0.9F, .seed = 9});
    const Candidates all = decode(head, {.confidence = 0.001F, .multi_label = true});
    ASSERT_FALSE(all.truncated);
    for (const std::size_t limit : {std::size_t{1}, std::size_t{10}, all.size() - 1}) {
      const Candidates best = decode(head, {.confidence = 0.001F,
                                            .multi_label = true,
                                            .max_candidates = static_cast<std::int32_t>(limit)});
      EXPECT_TRUE(best.truncated);
      auto by_rank = rows_of(all);
      std::stable_sort(by_rank.begin(), by_rank.end(),
                       [](const auto& a, const auto& b) { return a[2] > b[2]; });
      by_rank.resize(limit);
      std::sort(by_rank.begin(), by_rank.end());
      EXPECT_EQ(rows_of(best), by_rank);
    }
    const Candidates exact = decode(head, {.confidence = 0.001F,
                                           .multi_label = true,
                                           .max_candidates =
                                               static_cast<std::int32_t>(all.size())});
    EXPECT_FALSE(exact.truncated);
  }
}

TEST(BoxDecodeTest, EqualScoresAtTheLimitKeepLowerAnchorsThenLowerClasses) {
  for (const float score : {0.5F, 1.0F, 7.0F}) {  // 7 counts as 1
    Head head = make_head({.class_count = 3});
    const std::size_t n = head.values[0].size() / 7;
    std::fill(head.values[0].begin() + static_cast<std::ptrdiff_t>(4 * n), head.values[0].end(),
              score);
    const Candidates best = decode(head, {.multi_label = true, .max_candidates = 10});
    EXPECT_TRUE(best.truncated);
    const auto rows = rows_of(best);
    ASSERT_EQ(rows.size(), 10U);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i][0], static_cast<float>(i / 3));
      EXPECT_EQ(rows[i][1], static_cast<float>(i % 3));
      EXPECT_EQ(rows[i][2], std::min(score, 1.0F));
    }
  }
}

TEST(BoxDecodeTest, NothingThatIsNotFiniteBecomesACandidate) {
  for (const BoxEncoding encoding : samples::kEncodings) {
    std::mt19937 random(77);
    Head head = make_head({.encoding = encoding, .density = 0.5F, .seed = 3});
    for (auto& tensor : head.values) {
      for (float& value : tensor) {
        const auto draw = random() % 40;
        if (draw == 0) value = kNaN;
        if (draw == 1) value = kInfinity;
        if (draw == 2) value = -kInfinity;
        if (draw == 3) value = 3e38F;
      }
    }
    for (const bool multi_label : {false, true}) {
      BoxDecodeOptions options{.confidence = 0.0F, .multi_label = multi_label};
      options.instructions = InstructionSet::kScalar;
      const auto expected = rows_of(decode(head, options));
      EXPECT_FALSE(expected.empty());
      for (const auto& row : expected) {
        EXPECT_TRUE(std::all_of(row.begin(), row.end(), [](float v) { return std::isfinite(v); }));
        EXPECT_TRUE(row[2] > 0 && row[2] <= 1 && row[3] <= row[5] && row[4] <= row[6]);
      }
      for (const auto set : samples::instruction_sets()) {
        options.instructions = set;
        EXPECT_EQ(rows_of(decode(head, options)), expected);
      }
    }
  }
}

TEST(BoxDecodeTest, NaNInOneClassLeavesTheOthersOfTheAnchor) {
  for (const auto set : samples::instruction_sets()) {
    Head head = make_head({.class_count = 3, .density = 0});
    const auto n = static_cast<std::size_t>(head.tensors[0].shape[1]);
    head.values[0][4 * n + 2] = kNaN;
    head.values[0][5 * n + 2] = 0.6F;
    head.values[0][6 * n + 2] = kInfinity;
    const Candidates candidates = decode(head, {.instructions = set});
    ASSERT_EQ(candidates.size(), 1U);
    EXPECT_EQ(candidates.class_id[0], 1);
    EXPECT_EQ(candidates.score[0], 0.6F);
  }
}

TEST(BoxDecodeTest, ShapesThatDoNotFitAreNamed) {
  for (const BoxEncoding encoding : samples::kEncodings) {
    Head head = make_head({.encoding = encoding, .class_count = 5});
    const auto message = [&](const HeadDescription& description, HeadView view) {
      Candidates out;
      BoxDecodeScratch scratch;
      const auto result = decode_boxes(out, view, description, head.network, {}, scratch);
      EXPECT_FALSE(result) << to_string(encoding);
      return result ? std::string() : result.error().message;
    };
    EXPECT_NE(message(head.description, {}).find(to_string(encoding)), std::string::npos);
    auto tensors = head.tensors;
    for (auto& tensor : tensors) ++tensor.shape.dims[encoding == BoxEncoding::kXywhScores ? 0 : 1];
    EXPECT_NE(message(head.description, tensors).find("expected ["), std::string::npos);
    tensors = head.tensors;
    tensors[0].shape.rank = 3;
    message(head.description, tensors);
    tensors[0] = {nullptr, head.tensors[0].shape};
    message(head.description, tensors);
    HeadDescription empty = head.description;
    empty.levels.clear();
    message(empty, head.tensors);
    empty = head.description;
    empty.class_count = 0;
    message(empty, head.tensors);
  }
}

}  // namespace
}  // namespace shoal
