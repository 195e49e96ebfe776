// Goal: the family table recognises each head from its shapes alone, and says when it cannot.
// Method: facts written by hand, no graph.
#include "engine/family.h"

#include <gtest/gtest.h>


namespace shoal {
namespace {

OutputFacts output(std::string name, std::int64_t first, std::int64_t second,
                   bool sigmoid = false) {
  return {std::move(name), Shape{.dims = {first, second}, .rank = 2}, "", sigmoid};
}

GraphFacts facts(Size size, std::vector<OutputFacts> outputs) {
  GraphFacts result;
  result.size = size;
  result.outputs = std::move(outputs);
  return result;
}

TEST(FamilyTest, ChannelsByCellsIsXywhScores) {
  const auto matches = fitting_families(facts({640, 640}, {output("o", 84, 8400)}), "");
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_EQ(matches[0].row->name, "yolov8");
  EXPECT_EQ(matches[0].head.encoding, BoxEncoding::kXywhScores);
  EXPECT_EQ(matches[0].head.class_count, 80);
  EXPECT_EQ(matches[0].head.strides, (std::vector<int>{8, 16, 32}));
}

TEST(FamilyTest, ThreeAnchorsACellTellV5FromYolox) {
  const auto v5 = fitting_families(facts({640, 640}, {output("o", 25200, 85)}), "");
  ASSERT_EQ(v5.size(), 1U);
  EXPECT_EQ(v5[0].head.encoding, BoxEncoding::kXywhObjectnessScores);
  const auto single = fitting_families(facts({416, 416}, {output("o", 3549, 85)}), "");
  // Raw or decoded, 80 or 81 classes: shapes alone do not tell.
  EXPECT_GT(single.size(), 1U);
  const auto asked = fitting_families(facts({416, 416}, {output("o", 3549, 85)}), "yolox");
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].head.encoding, BoxEncoding::kYoloxGrid);
}

TEST(FamilyTest, SixValuesOfFewRowsAreRankedDetections) {
  auto few = facts({640, 640}, {output("o", 300, 6)});
  few.class_count = 80;
  const auto matches = fitting_families(few, "");
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_EQ(matches[0].head.encoding, BoxEncoding::kEndToEnd);
  EXPECT_FALSE(matches[0].head.needs_nms());
}

TEST(FamilyTest, PairsAreOrderedByStrideWhateverTheirOrderInTheFile) {
  const auto matches = fitting_families(
      facts({320, 320}, {output("b32", 100, 4), output("s8", 1600, 80, true),
                         output("s32", 100, 80, true), output("b8", 1600, 4),
                         output("b16", 400, 4), output("s16", 400, 80, true)}),
      "");
  ASSERT_EQ(matches.size(), 1U);
  const HeadDescription& head = matches[0].head;
  EXPECT_EQ(head.encoding, BoxEncoding::kGflDistances);
  EXPECT_EQ(matches[0].outputs, (std::vector<int>{1, 3, 5, 4, 2, 0}));
  ASSERT_EQ(head.levels.size(), 3U);
  EXPECT_EQ(head.levels[1].stride, 16);
  EXPECT_EQ(head.levels[1].scores, 2);
  EXPECT_EQ(head.levels[1].boxes, 3);
}

TEST(FamilyTest, ScoresOfEightyClassesAreNotTakenForTwentyBins) {
  std::vector<OutputFacts> outputs;
  for (const int side : {40, 20, 10, 5}) {
    outputs.push_back(output("a" + std::to_string(side), side * side, 32));
    outputs.push_back(output("b" + std::to_string(side), side * side, 80, true));
  }
  const auto matches = fitting_families(facts({320, 320}, outputs), "");
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_EQ(matches[0].row->name, "picodet");
  EXPECT_EQ(matches[0].head.class_count, 80);
  EXPECT_EQ(matches[0].head.bins, 8);
  EXPECT_FALSE(matches[0].head.scores_are_logits);
}

TEST(FamilyTest, MasksBesideTheBoxesAreNotAPlainDetector) {
  GraphFacts segmenter = facts({640, 640}, {output("o", 116, 8400)});
  segmenter.outputs.push_back({"proto", Shape{.dims = {32, 160, 160}, .rank = 3}, "", false});
  EXPECT_TRUE(fitting_families(segmenter, "").empty());
}

TEST(FamilyTest, UndecodedMapsBesideTheBoxesArePassedOver) {
  GraphFacts detector = facts({640, 640}, {output("o", 7, 8400)});
  for (const std::int64_t side : {80, 40, 20}) {
    detector.outputs.push_back(
        {"raw", Shape{.dims = {67, side, side}, .rank = 3}, "", false});
  }
  const auto matches = fitting_families(detector, "");
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_EQ(matches[0].row->name, "yolov8");
  detector.outputs.back().shape.dims = {65, 20, 20};  // 62 are no four sides of bins
  EXPECT_TRUE(fitting_families(detector, "").empty());
}

TEST(FamilyTest, KnownClassCountExcludesRows) {
  auto wrong = facts({640, 640}, {output("o", 84, 8400)});
  wrong.class_count = 6;
  EXPECT_TRUE(fitting_families(wrong, "").empty());
}

TEST(FamilyTest, UnknownNamesGetASuggestion) {
  EXPECT_TRUE(check_family_name("yolo11").has_value());
  const auto wrong = check_family_name("yolov9x");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().message.find("did you mean 'yolov9'"), std::string::npos);
}

}  // namespace
}  // namespace shoal
