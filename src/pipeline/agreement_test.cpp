// Goal: a run that loses, invents or moves boxes is found out, and too few boxes prove nothing.
#include "pipeline/agreement.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr float kThreshold = 0.25F;

Detection box(float x, float y, float confidence = 0.8F, int class_id = 0) {
  return {.box = {x, y, x + 40, y + 40}, .confidence = confidence, .class_id = class_id,
          .track_id = {}};
}

// `count` boxes that do not touch, ten a picture.
std::vector<PictureBoxes> boxes(int count) {
  std::vector<PictureBoxes> pictures;
  for (int i = 0; i < count; ++i) {
    if (i % 10 == 0) pictures.emplace_back();
    pictures.back().boxes.items.push_back(box(static_cast<float>(i % 10) * 60, 100));
  }
  return pictures;
}

CheckOutcome outcome(const std::vector<PictureBoxes>& reference,
                     const std::vector<PictureBoxes>& other) {
  return judge(compare_boxes(reference, other, kThreshold));
}

TEST(AgreementTest, EqualRunsAgree) {
  EXPECT_EQ(outcome(boxes(100), boxes(100)), CheckOutcome::kOk);
}

TEST(AgreementTest, AnEngineThatLosesBoxesFails) {
  const auto reference = boxes(100);
  auto other = reference;
  for (auto& picture : other) picture.boxes.items.clear();
  EXPECT_EQ(outcome(reference, other), CheckOutcome::kFailed) << "none is left";
  other = reference;
  for (std::size_t i = 0; i < 3; ++i) other[i].boxes.items.pop_back();
  const Agreement agreement = compare_boxes(reference, other, kThreshold);
  EXPECT_EQ(agreement.reference_alone, 3);
  EXPECT_EQ(agreement.other_alone, 0);
  EXPECT_EQ(judge(agreement), CheckOutcome::kFailed) << "3 % are lost";
  EXPECT_EQ(outcome(other, reference), CheckOutcome::kFailed) << "3 % are new";
}

TEST(AgreementTest, TwoInAHundredMayDiffer) {
  const auto reference = boxes(100);
  auto other = reference;
  other[0].boxes.items.pop_back();
  other[5].boxes.items.pop_back();
  EXPECT_EQ(outcome(reference, other), CheckOutcome::kOk);
}

TEST(AgreementTest, OneOfTwoBoxesOnOneThingIsALoss) {
  auto reference = boxes(60);
  for (auto& picture : reference) picture.boxes.items.push_back(box(5, 105));  // overlaps the first
  EXPECT_EQ(compare_boxes(reference, boxes(60), kThreshold).reference_alone, 6);
}

TEST(AgreementTest, FewBoxesAreNotJudged) {
  EXPECT_EQ(outcome(boxes(49), boxes(49)), CheckOutcome::kNotJudged);
  EXPECT_EQ(outcome({}, {}), CheckOutcome::kNotJudged);
  const std::vector<PictureBoxes> empty(16);
  EXPECT_EQ(outcome(empty, empty), CheckOutcome::kNotJudged);
  EXPECT_NE(agreement_text(compare_boxes(empty, empty, kThreshold)).find("50 boxes are needed"),
            std::string::npos);
}

TEST(AgreementTest, AnotherClassIsNoPartner) {
  const auto reference = boxes(60);
  auto other = reference;
  for (auto& picture : other) {
    for (auto& found : picture.boxes.items) found.class_id = 1;
  }
  EXPECT_EQ(outcome(reference, other), CheckOutcome::kFailed);
}

TEST(AgreementTest, ABoxAtTheThresholdMayHaveAPartnerJustBelowIt) {
  auto reference = boxes(60);
  auto other = reference;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    for (auto& found : reference[i].boxes.items) found.confidence = 0.255F;
    for (auto& found : other[i].boxes.items) found.confidence = 0.245F;
  }
  const Agreement agreement = compare_boxes(reference, other, kThreshold);
  EXPECT_EQ(agreement.reference_boxes, 60);
  EXPECT_EQ(agreement.other_boxes, 0);
  EXPECT_EQ(judge(agreement), CheckOutcome::kOk);
}

TEST(AgreementTest, MovedBoxesFailByPixelsOfTheNetwork) {
  const auto reference = boxes(60);
  auto other = reference;
  for (auto& picture : other) {
    for (auto& found : picture.boxes.items) found.box.x1 += 3;
  }
  EXPECT_EQ(outcome(reference, other), CheckOutcome::kFailed);
  auto large = reference;  // pictures four times as large as the network's input
  for (auto& picture : large) picture.network_scale = 0.25F;
  EXPECT_EQ(outcome(large, other), CheckOutcome::kOk);
}

TEST(AgreementTest, ScoresThatMoveFail) {
  const auto reference = boxes(60);
  auto other = reference;
  for (auto& picture : other) {
    for (auto& found : picture.boxes.items) found.confidence -= 0.03F;
  }
  EXPECT_EQ(outcome(reference, other), CheckOutcome::kFailed);
}

}  // namespace
}  // namespace shoal
