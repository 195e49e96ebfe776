// Goal: the words keep their contracts: results, geometry, suggestions.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "core/suggest.h"
#include "shoal/detection.h"
#include "shoal/frame.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd"};
  return value / 2;
}

Result<int> quarter(int value) {
  const int once = SHOAL_TRY(half(value));
  return SHOAL_TRY(half(once));
}

TEST(ResultTest, TryPassesTheErrorOn) {
  EXPECT_EQ(*quarter(8), 2);
  const Result<int> odd = quarter(6);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().message, "odd");
}

TEST(LetterboxTest, CentresAWidePictureAsUltralyticsDoes) {
  const Letterbox box = Letterbox::fit({1280, 720}, {640, 640}, Placement::kCentred);
  EXPECT_EQ(box.content, (Size{640, 360}));
  EXPECT_EQ(box.left, 0);
  EXPECT_EQ(box.top, 140);
}

TEST(LetterboxTest, OddPaddingGoesBelow) {
  const Letterbox box = Letterbox::fit({640, 359}, {640, 640}, Placement::kCentred);
  EXPECT_EQ(box.top, 140);  // 281 rows of padding: 140 above, 141 below
}

TEST(LetterboxTest, TopLeftPadsRightAndBelowOnly) {
  const Letterbox box = Letterbox::fit({100, 400}, {416, 416}, Placement::kTopLeft);
  EXPECT_EQ(box.left, 0);
  EXPECT_EQ(box.top, 0);
  EXPECT_EQ(box.content, (Size{104, 416}));
}

TEST(LetterboxTest, StretchedFillsTheNetworkAndMapsBackByTwoScales) {
  const Letterbox box = Letterbox::fit({1280, 400}, {320, 320}, Placement::kStretched);
  EXPECT_EQ(box.content, (Size{320, 320}));
  EXPECT_EQ(box.left + box.top, 0);
  EXPECT_EQ(box.padding(), 0);
  EXPECT_EQ(box.to_source({32, 32, 160, 64}), (Box<SourceSpace>{128, 40, 640, 80}));
}

TEST(ChooseBucketTest, StretchedPicturesGoToTheShapeOfTheirProportions) {
  const std::array buckets{Size{640, 640}, Size{640, 384}, Size{384, 640}};
  EXPECT_EQ(choose_bucket({1920, 1080}, buckets, Placement::kStretched), 1U);
  EXPECT_EQ(choose_bucket({1080, 1920}, buckets, Placement::kStretched), 2U);
  EXPECT_EQ(choose_bucket({500, 480}, buckets, Placement::kStretched), 0U);
  const std::array alike{Size{320, 320}, Size{640, 640}};
  EXPECT_EQ(choose_bucket({30, 40}, alike, Placement::kStretched), 0U) << "the first of equals";
}

TEST(LetterboxTest, ContentStaysInsideForAnySize) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const Size source{1 + static_cast<int>(random() % 30'000),
                      1 + static_cast<int>(random() % 30'000)};
    const Size network{32 * (1 + static_cast<int>(random() % 40)),
                       32 * (1 + static_cast<int>(random() % 40))};
    const auto placement = random() % 2 == 0 ? Placement::kCentred : Placement::kTopLeft;
    const Letterbox box = Letterbox::fit(source, network, placement);
    ASSERT_GE(box.left, 0);
    ASSERT_GE(box.top, 0);
    ASSERT_LE(box.left + box.content.width, network.width);
    ASSERT_LE(box.top + box.content.height, network.height);
    ASSERT_TRUE(box.content.width == network.width || box.content.height == network.height);
  }
}

TEST(LetterboxTest, WholeContentMapsToWholePicture) {
  const Letterbox box = Letterbox::fit({810, 1080}, {640, 640}, Placement::kCentred);
  const auto left = static_cast<float>(box.left);
  const auto top = static_cast<float>(box.top);
  const Box<SourceSpace> whole = box.to_source({left, top,
                                                left + static_cast<float>(box.content.width),
                                                top + static_cast<float>(box.content.height)});
  EXPECT_NEAR(whole.x1, 0, 1e-3);
  EXPECT_NEAR(whole.y1, 0, 1e-3);
  EXPECT_NEAR(whole.x2, 810, 1e-3);
  EXPECT_NEAR(whole.y2, 1080, 1e-3);
}

TEST(LetterboxTest, BoxesOverTheEdgeAreClippedNotDropped) {
  const Letterbox box = Letterbox::fit({500, 500}, {640, 640}, Placement::kCentred);
  const Box<SourceSpace> clipped = box.to_source({-5, 600, 100, 660});
  EXPECT_EQ(clipped.x1, 0);
  EXPECT_EQ(clipped.y2, 500);
  EXPECT_GT(clipped.area(), 0);
}

TEST(ChooseBucketTest, TakesTheShapeThatPadsLeast) {
  constexpr std::array<Size, 3> kBuckets{Size{640, 640}, Size{640, 384}, Size{384, 640}};
  EXPECT_EQ(choose_bucket({1920, 1080}, kBuckets, Placement::kCentred), 1U);
  EXPECT_EQ(choose_bucket({1080, 1920}, kBuckets, Placement::kCentred), 2U);
  EXPECT_EQ(choose_bucket({800, 800}, kBuckets, Placement::kCentred), 0U);
}

TEST(PixelBufferTest, GrowsButNeverShrinks) {
  PixelBuffer buffer;
  const std::uint8_t* first = buffer.reserve(1000);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0U);
  EXPECT_EQ(buffer.reserve(10), first);
  EXPECT_EQ(buffer.capacity(), 1000U);
}

TEST(SuggestionTest, NamesTheNearestKnownWord) {
  constexpr std::array<std::string_view, 3> kKnown{"batch", "lanes", "precision"};
  EXPECT_EQ(suggestion("btach", kKnown), "; did you mean 'batch'?");
  EXPECT_EQ(suggestion("zzzzzzzz", kKnown), "");
}

}  // namespace
}  // namespace shoal
