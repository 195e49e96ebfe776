// Goal: exactly the boxes of textbook greedy NMS are kept, in a fixed order, whatever the batch,
// the order of candidates and the instruction set. Method: an O(n^2) double-precision reference
// and seeded crowds; acceptance of caps and ties by hand-made cases.
#include "postprocess/nms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "postprocess/head_samples.h"

namespace shoal {
namespace {

struct Item {
  float x1, y1, x2, y2, score;
  std::int32_t class_id = 0;
};

void add(Candidates& candidates, const Item& item, std::int32_t anchor = -1) {
  candidates.x1.push_back(item.x1);
  candidates.y1.push_back(item.y1);
  candidates.x2.push_back(item.x2);
  candidates.y2.push_back(item.y2);
  candidates.class_id.push_back(item.class_id);
  candidates.class_count = std::max(candidates.class_count, item.class_id + 1);
  candidates.anchor.push_back(anchor >= 0 ? anchor
                                          : static_cast<std::int32_t>(candidates.score.size()));
  candidates.score.push_back(item.score);
}

Candidates crowd(std::size_t count, int classes, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned limit) { return static_cast<float>(random() % limit); };
  Candidates candidates;
  for (std::size_t i = 0; i < count; ++i) {
    const float x = below(300) + below(8) / 8;
    const float y = below(300) + below(8) / 8;
    // Coarse scores, so that there are ties.
    add(candidates, {x, y, x + 10 + below(60), y + 10 + below(60), (1 + below(500)) / 512,
                     static_cast<std::int32_t>(random() % static_cast<unsigned>(classes))});
  }
  candidates.class_count = classes;
  return candidates;
}

double iou_by_definition(const Candidates& c, std::size_t i, std::size_t j) {
  const double w = std::min<double>(c.x2[i], c.x2[j]) - std::max<double>(c.x1[i], c.x1[j]);
  const double h = std::min<double>(c.y2[i], c.y2[j]) - std::max<double>(c.y1[i], c.y1[j]);
  if (w <= 0 || h <= 0) return 0;
  const auto area = [&](std::size_t k) {
    return (double{c.x2[k]} - c.x1[k]) * (double{c.y2[k]} - c.y1[k]);
  };
  return w * h / (area(i) + area(j) - w * h);
}

// All survivors in order, uncapped. Sets `close` if a decision hangs on float rounding.
std::vector<std::uint32_t> nms_by_definition(const Candidates& c, const NmsOptions& options,
                                             bool& close) {
  std::vector<std::uint32_t> order(c.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (c.score[a] != c.score[b]) return c.score[a] > c.score[b];
    return c.anchor[a] != c.anchor[b] ? c.anchor[a] < c.anchor[b] : c.class_id[a] < c.class_id[b];
  });
  std::vector<std::uint32_t> kept;
  for (const std::uint32_t i : order) {
    bool suppressed = false;
    for (const std::uint32_t j : kept) {
      if (!options.agnostic && c.class_id[i] != c.class_id[j]) continue;
      const double iou = iou_by_definition(c, i, j);
      close = close || std::abs(iou - static_cast<double>(options.iou)) < 1e-6;
      suppressed = suppressed || iou > static_cast<double>(options.iou);
    }
    if (!suppressed) kept.push_back(i);
  }
  return kept;
}

Kept run(const Candidates& candidates, const NmsOptions& options) {
  Kept kept;
  NmsScratch scratch;
  nms(kept, candidates, options, scratch);
  return kept;
}

TEST(NmsTest, KeepsExactlyWhatGreedySuppressionKeeps) {
  int compared = 0;
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    const std::size_t count = seed % 5 == 0 ? 1500 : seed * 9 % 300;
    const Candidates candidates = crowd(count, seed % 3 == 0 ? 1 : 8, seed);
    for (const float iou : {0.0F, 0.311F, 0.6537F, 1.0F}) {
      for (const bool agnostic : {false, true}) {
        NmsOptions options{.iou = iou, .max_det = 100000, .agnostic = agnostic};
        bool close = false;
        auto expected = nms_by_definition(candidates, options, close);
        if (close && iou > 0 && iou < 1) continue;
        ++compared;
        for (const auto set : samples::instruction_sets()) {
          options.instructions = set;
          options.max_det = 100000;
          EXPECT_EQ(run(candidates, options).indices, expected) << seed << " " << to_string(set);
          EXPECT_FALSE(run(candidates, options).truncated);
          options.max_det = 20;
          const Kept capped = run(candidates, options);
          EXPECT_EQ(capped.truncated, expected.size() > 20);
          EXPECT_EQ(capped.indices,
                    std::vector<std::uint32_t>(
                        expected.begin(),
                        expected.begin() + static_cast<std::ptrdiff_t>(
                                               std::min<std::size_t>(20, expected.size()))));
        }
      }
    }
  }
  EXPECT_GT(compared, 300);
}

TEST(NmsTest, OverlapEqualToTheThresholdIsKept) {
  // Intersection 50, union 100: exactly 0.5, also in float.
  Candidates candidates;
  add(candidates, {0, 0, 10, 10, 0.9F});
  add(candidates, {0, 0, 10, 5, 0.8F});
  for (const auto set : samples::instruction_sets()) {
    EXPECT_EQ(run(candidates, {.iou = 0.5F, .instructions = set}).indices.size(), 2U);
    EXPECT_EQ(run(candidates, {.iou = 0.4999F, .instructions = set}).indices.size(), 1U);
  }
}

TEST(NmsTest, ClassesFarApartInNumberAreComparedExactly) {
  // Shifting coordinates by class x 7680 would round these by 1/16 pixel at class 79.
  Candidates candidates;
  for (const std::int32_t class_id : {0, 79}) {
    add(candidates, {100.01F, 100, 110.02F, 110, 0.9F, class_id});
    add(candidates, {100.01F, 100, 110.02F, 105.0001F, 0.8F, class_id});
  }
  const NmsOptions options{.iou = 0.50005F};
  EXPECT_EQ(run(candidates, options).indices, (std::vector<std::uint32_t>{0, 2, 1, 3}));
}

TEST(NmsTest, TiesAreRankedByAnchorThenClassWhateverTheOrderOfCandidates) {
  std::vector<std::pair<Item, std::int32_t>> items;
  for (std::int32_t i = 0; i < 900; ++i) {
    const auto x = static_cast<float>(i / 2 * 20);
    items.push_back({{x, 0, x + 10, 10, 0.5F, i % 2}, i / 2});
  }
  std::mt19937 random(5);
  std::shuffle(items.begin(), items.end(), random);
  Candidates candidates;
  for (const auto& [item, anchor] : items) add(candidates, item, anchor);
  const Kept kept = run(candidates, {.max_det = 1000});
  ASSERT_EQ(kept.indices.size(), 900U);
  for (std::size_t i = 0; i < 900; ++i) {
    EXPECT_EQ(candidates.anchor[kept.indices[i]], static_cast<std::int32_t>(i / 2));
    EXPECT_EQ(candidates.class_id[kept.indices[i]], static_cast<std::int32_t>(i % 2));
  }
}

TEST(NmsTest, SuppressedRestBehindTheCapIsNotATruncation) {
  Candidates candidates;
  add(candidates, {0, 0, 10, 10, 0.9F});
  for (int i = 0; i < 50; ++i) add(candidates, {0, 0, 10, 10, 0.5F});
  EXPECT_FALSE(run(candidates, {.max_det = 1}).truncated);
  add(candidates, {20, 0, 30, 10, 0.1F});
  EXPECT_TRUE(run(candidates, {.max_det = 1}).truncated);
}

TEST(NmsTest, PictureInABatchIsKeptAsAlone) {
  std::vector<Candidates> batch;
  for (std::uint32_t i = 0; i < 9; ++i) {
    batch.push_back(i % 4 == 1 ? Candidates{} : crowd(i == 5 ? 40000 : 60 * i, 8, i));
  }
  NmsScratch scratch;
  std::vector<Kept> kept(batch.size());
  nms(kept, batch, {.max_det = 50}, scratch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Kept alone = run(batch[i], {.max_det = 50});
    EXPECT_EQ(kept[i].indices, alone.indices);
    EXPECT_EQ(kept[i].truncated, alone.truncated);
  }
}

TEST(NmsTest, BoxesWithoutAreaAreKeptAndSuppressNothing) {
  Candidates candidates;
  for (int i = 0; i < 3; ++i) add(candidates, {5, 5, 5, 5, 0.9F});
  add(candidates, {0, 0, 10, 10, 0.8F});
  EXPECT_EQ(run(candidates, {.iou = 0}).indices.size(), 4U);
}

TEST(NmsTest, KeepBestRanksAndCapsWithoutSuppressing) {
  Candidates candidates = crowd(500, 3, 8);
  NmsScratch scratch;
  Kept kept;
  keep_best(kept, candidates, 100, scratch);
  EXPECT_TRUE(kept.truncated);
  ASSERT_EQ(kept.indices.size(), 100U);
  auto scores = candidates.score;
  std::sort(scores.rbegin(), scores.rend());
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(candidates.score[kept.indices[i]], scores[i]);
  keep_best(kept, candidates, 500, scratch);
  EXPECT_FALSE(kept.truncated);
  EXPECT_EQ(kept.indices.size(), 500U);
}

}  // namespace
}  // namespace shoal
