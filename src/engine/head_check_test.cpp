// Goal: heads that are right give no finding, whatever is in the picture; every kind of wrong one
// gives one, with the line that settles it.
// Method: heads made here, cell by cell, with noise from a fixed seed.
#include "engine/head_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace shoal {
namespace {

constexpr Size kInput{128, 96};
constexpr int kClasses = 4;

struct Cell {
  float x, y, stride;  // centre in pixels
};

std::vector<Cell> cells() {
  std::vector<Cell> all;
  for (const int stride : {8, 16, 32}) {
    for (int y = 0; y < kInput.height / stride; ++y) {
      for (int x = 0; x < kInput.width / stride; ++x) {
        all.push_back({(static_cast<float>(x) + .5F) * static_cast<float>(stride),
                       (static_cast<float>(y) + .5F) * static_cast<float>(stride),
                       static_cast<float>(stride)});
      }
    }
  }
  return all;
}

// Rows of a head; `fill` gets the row [extra + 4 + classes] of a cell with right values in it.
class Head {
 public:
  explicit Head(BoxEncoding encoding) {
    description_.encoding = encoding;
    description_.class_count = kClasses;
    description_.strides = {8, 16, 32};
    description_.levels = {HeadLevel{}};
  }

  HeadDescription& description() { return description_; }

  Head& each(std::function<void(std::vector<float>&, const Cell&)> change) {
    change_ = std::move(change);
    return *this;
  }

  std::vector<Contradiction> check(HeadClaims claims = {}) {
    const bool objectness = description_.encoding != BoxEncoding::kXywhScores;
    const bool planes = !objectness;
    std::vector<float> values;
    const auto grid = cells();
    const std::size_t width = 4 + kClasses + (objectness ? 1 : 0);
    values.resize(grid.size() * width);
    for (std::size_t i = 0; i < grid.size(); ++i) {
      std::vector<float> row = right_row(grid[i], width);
      if (change_) change_(row, grid[i]);
      for (std::size_t k = 0; k < width; ++k) {
        values[planes ? k * grid.size() + i : i * width + k] = row[k];
      }
    }
    const auto rows = static_cast<std::int64_t>(grid.size());
    const auto columns = static_cast<std::int64_t>(width);
    const Shape shape = planes ? Shape{.dims = {columns, rows}, .rank = 2}
                               : Shape{.dims = {rows, columns}, .rank = 2};
    const std::vector<std::vector<TensorView>> pictures = {{{values.data(), shape}}};
    return check_head(pictures, description_, kInput, claims);
  }

 private:
  std::vector<float> right_row(const Cell& cell, std::size_t width) {
    std::normal_distribution<float> normal(0, 1);
    std::vector<float> row(width);
    if (description_.encoding == BoxEncoding::kYoloxGrid) {
      for (int i = 0; i < 4; ++i) row[static_cast<std::size_t>(i)] = .5F + .5F * normal(random_);
    } else {
      row = {cell.x + .4F * cell.stride * normal(random_),
             cell.y + .4F * cell.stride * normal(random_),
             cell.stride * std::exp(normal(random_)), cell.stride * std::exp(normal(random_))};
      row.resize(width);
    }
    for (std::size_t k = 4; k < width; ++k) row[k] = 1 / (1 + std::exp(6 + 2 * normal(random_)));
    return row;
  }

  HeadDescription description_;
  std::function<void(std::vector<float>&, const Cell&)> change_;
  std::mt19937 random_{9};
};

using Row = std::vector<float>;
using E = BoxEncoding;

void expect_one(const std::vector<Contradiction>& found, std::string_view what,
                std::string_view line) {
  ASSERT_EQ(found.size(), 1U) << (found.empty() ? "nothing found" : found[1].what);
  EXPECT_NE(found[0].what.find(what), std::string::npos) << found[0].what;
  EXPECT_EQ(found[0].line, line);
  EXPECT_TRUE(found[0].refused);
}

TEST(HeadCheckTest, RightHeadsGiveNothing) {
  for (const E encoding : {E::kXywhScores, E::kXywhObjectnessScores, E::kYoloxGrid}) {
    EXPECT_TRUE(Head(encoding).check().empty()) << to_string(encoding);
  }
}

TEST(HeadCheckTest, AFewOddCellsGiveNothing) {
  int count = 0;
  Head head(E::kXywhScores);
  head.each([&](Row& row, const Cell&) {
    if (++count % 40 == 0) row = {900, -70, 0, NAN, NAN, .9F, .1F, 1};
  });
  EXPECT_TRUE(head.check().empty());
}

TEST(HeadCheckTest, SharesCornersAndSizesFromACornerAreTold) {
  Head shares(E::kXywhScores);
  shares.each([](Row& row, const Cell&) {
    for (std::size_t i = 0; i < 4; ++i) row[i] /= i % 2 == 0 ? 128.0F : 96.0F;
  });
  expect_one(shares.check(), "shares of the picture", "boxes_are_shares = true");
  const auto corner = [](Row& row, const Cell& cell) {
    row[0] = cell.x - 2.5F * cell.stride;
    row[1] = cell.y - 2.5F * cell.stride;
    row[2] = row[3] = 5 * cell.stride;
  };
  Head from_corner(E::kXywhObjectnessScores);
  expect_one(from_corner.each(corner).check(), "left, top", "boxes = \"ltwh\"");
  Head corners(E::kXywhObjectnessScores);
  corners.each([&](Row& row, const Cell& cell) {
    corner(row, cell);
    row[2] += row[0];
    row[3] += row[1];
  });
  expect_one(corners.check(), "corners", "boxes = \"xyxy\"");
}

TEST(HeadCheckTest, LogitsAreTold) {
  for (const E encoding : {E::kXywhScores, E::kXywhObjectnessScores, E::kYoloxGrid}) {
    Head head(encoding);
    head.each([](Row& row, const Cell&) {
      for (std::size_t k = 4; k < row.size(); ++k) row[k] = std::log(row[k] / (1 - row[k]));
    });
    expect_one(head.check(), "logits", "scores_are_logits = true");
    head.description().scores_are_logits = true;
    EXPECT_TRUE(head.check().empty()) << to_string(encoding);
  }
  Head told(E::kXywhScores);
  told.description().scores_are_logits = true;
  expect_one(told.check(), "probabilities already", "scores_are_logits = false");
}

TEST(HeadCheckTest, CoordinatesAndAnglesAreNoScores) {
  Head points(E::kXywhScores);
  points.each([](Row& row, const Cell& cell) { row[6] = cell.x; });
  expect_one(points.check(), "1 of the 4 values taken for class scores", "");
  Head angle(E::kXywhScores);
  angle.each([](Row& row, const Cell&) { row[7] = .7F; });
  expect_one(angle.check(), "class 3", "");
  // Behind an objectness a class may well be likely everywhere.
  Head likely(E::kXywhObjectnessScores);
  likely.each([](Row& row, const Cell&) { row[8] = .7F; });
  EXPECT_TRUE(likely.check().empty());
}

TEST(HeadCheckTest, SizesHaveToBePixels) {
  Head tiny(E::kXywhScores);
  tiny.each([](Row& row, const Cell&) { row[2] = row[3] = .3F; });
  expect_one(tiny.check(), "smaller than 1.5 pixels", "boxes = \"xywh\"");
  Head negative(E::kXywhScores);
  negative.each([](Row& row, const Cell&) { row[2] = -row[2]; });
  expect_one(negative.check(), "negative", "boxes = \"xywh\"");
}

TEST(HeadCheckTest, DecodedBoxesAreNoOffsets) {
  Head decoded(E::kYoloxGrid);
  decoded.each([](Row& row, const Cell& cell) {
    row[0] = cell.x;
    row[1] = cell.y;
    row[2] = row[3] = 4 * cell.stride;
  });
  expect_one(decoded.check(), "decoded already", "family = \"yolox_decoded\"");
}

TEST(HeadCheckTest, WhatTheUserSaidIsNotRefused) {
  Head head(E::kXywhScores);
  head.each([](Row& row, const Cell&) { row[0] /= 128; });
  const auto found = head.check({.boxes = true});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].refused);
}

// Rows of x1 y1 x2 y2 score class.
std::vector<Contradiction> check_rows(std::vector<float> values, int classes = 3) {
  HeadDescription head;
  head.encoding = E::kEndToEnd;
  head.class_count = classes;
  head.levels = {HeadLevel{}};
  const auto rows = static_cast<std::int64_t>(values.size() / 6);
  const std::vector<std::vector<TensorView>> pictures = {
      {{values.data(), Shape{.dims = {rows, 6}, .rank = 2}}}};
  return check_head(pictures, head, kInput, {});
}

Row five_times(Row row) {
  Row all;
  for (int i = 0; i < 5; ++i) all.insert(all.end(), row.begin(), row.end());
  return all;
}

TEST(HeadCheckTest, RankedRowsAreCornersScoreAndClass) {
  EXPECT_TRUE(check_rows(five_times({10, 20, 40, 50, .3F, 2})).empty());
  EXPECT_TRUE(check_rows(Row(600, 0)).empty());
  EXPECT_TRUE(check_rows({}).empty());
  expect_one(check_rows(five_times({.1F, .2F, .4F, .5F, .3F, 2})), "shares",
             "boxes_are_shares = true");
  expect_one(check_rows(five_times({70, 60, 40, 30, .3F, 2})), "end before they begin",
             "boxes = \"xywh\" (centre, size) or \"ltwh\" (corner, size)");
  expect_one(check_rows(five_times({10, 20, 40, 50, 2, .3F})), "class stands before", "");
  expect_one(check_rows(five_times({10, 20, 40, 50, -4, 1})), "scores run",
             "scores_are_logits = true");
  expect_one(check_rows(five_times({10, 20, 40, 50, .3F, 3})), "class 3", "");
}

}  // namespace
}  // namespace shoal
