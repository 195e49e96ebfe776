// Goal: a picture's detections depend on that picture alone, are clipped and never lost at an
// edge, and every cut is said. Method: the same outputs alone, at every position and beside any
// neighbours, bit for bit; hand-made boxes at edges; counted allocations.
#include "postprocess/postprocess.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/counted_allocations.h"
#include "postprocess/head_samples.h"

namespace shoal {
namespace {

using samples::Head;
using samples::make_head;

constexpr Size kNetwork{160, 128};

Postprocess make(const HeadDescription& head, const PostprocessOptions& options) {
  auto result = Postprocess::create(head, options);
  EXPECT_TRUE(result) << result.error().message;
  return *std::move(result);
}

std::vector<Detections> run(Postprocess& postprocess, const std::vector<const Head*>& heads,
                            const std::vector<Letterbox>& letterboxes) {
  std::vector<HeadView> views;
  for (const Head* head : heads) views.push_back(head->view());
  std::vector<Detections> out(heads.size());
  const auto result = postprocess.run(out, views, letterboxes);
  EXPECT_TRUE(result) << result.error().message;
  return out;
}

bool equal(const Detections& a, const Detections& b) {
  const auto same = [](const Detection& x, const Detection& y) {
    return x.box == y.box && x.confidence == y.confidence && x.class_id == y.class_id;
  };
  return a.truncated == b.truncated &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same);
}

Letterbox letterbox_of(std::size_t i) {
  constexpr Size kSources[] = {{720, 540}, {1920, 1200}, {160, 128}, {33, 500}, {640, 640}};
  return Letterbox::fit(kSources[i % 5], kNetwork,
                        i % 2 == 0 ? Placement::kCentred : Placement::kTopLeft);
}

// One head a picture: quiet, usual and crowded ones by turns.
std::vector<Head> pictures(BoxEncoding encoding, std::size_t count) {
  std::vector<Head> heads;
  for (std::size_t i = 0; i < count; ++i) {
    constexpr float kDensities[] = {0.1F, 0.0F, 1.0F};
    heads.push_back(make_head({.encoding = encoding,
                               .class_count = 12,
                               .network = kNetwork,
                               .density = kDensities[i % 3],
                               .seed = static_cast<std::uint32_t>(i + 1)}));
  }
  return heads;
}

TEST(PostprocessTest, PictureIsAnsweredAsAloneInAnyBatchAndPosition) {
  std::size_t found = 0;
  for (const BoxEncoding encoding : samples::kEncodings) {
    const std::vector<Head> heads = pictures(encoding, 17);
    for (const bool multi_label : {false, true}) {
      Postprocess shared = make(heads[0].description,
                                {.confidence = 0.05F, .max_det = 30, .multi_label = multi_label});
      std::vector<Detections> alone;
      for (std::size_t i = 0; i < heads.size(); ++i) {
        Postprocess fresh = make(heads[0].description, shared.options());
        alone.push_back(run(fresh, {&heads[i]}, {letterbox_of(i)})[0]);
        found += alone.back().items.size();
      }
      for (const std::size_t batch : {1U, 2U, 3U, 4U, 8U, 16U}) {
        for (std::size_t first = 0; first < heads.size(); first += batch) {
          std::vector<const Head*> some;
          std::vector<Letterbox> boxes;
          const std::size_t last = std::min(first + batch, heads.size());  // the last is partial
          for (std::size_t i = last; i-- > first;) {                       // and in reverse
            some.push_back(&heads[i]);
            boxes.push_back(letterbox_of(i));
          }
          const auto together = run(shared, some, boxes);
          for (std::size_t i = first; i < last; ++i) {
            EXPECT_TRUE(equal(together[last - 1 - i], alone[i]))
                << to_string(encoding) << " batch " << batch << " picture " << i;
          }
        }
      }
    }
  }
  EXPECT_GT(found, 1000U);
}

TEST(PostprocessTest, EmptyPictureInABatchOfFourLeavesTheOthersTheirs) {
  // FastDeploy issue 2446: pictures behind an empty one came back empty, too.
  for (const BoxEncoding encoding : samples::kEncodings) {
    std::vector<Head> heads = pictures(encoding, 4);
    heads[1] = make_head(
        {.encoding = encoding, .class_count = 12, .network = kNetwork, .density = 0});
    heads[3] = make_head({.encoding = encoding, .class_count = 12, .network = kNetwork, .seed = 9});
    Postprocess postprocess = make(heads[0].description, {.confidence = 0.1F});
    const std::vector<Letterbox> boxes(4, letterbox_of(2));
    const auto out = run(postprocess, {&heads[0], &heads[1], &heads[2], &heads[3]}, boxes);
    EXPECT_TRUE(out[1].items.empty());
    for (const std::size_t i : {0U, 2U, 3U}) EXPECT_FALSE(out[i].items.empty());
  }
}

TEST(PostprocessTest, CrowdOverTheLimitDoesNotSpillAndSaysTruncated) {
  const Size network{640, 640};
  const auto head_of = [&](float density, std::uint32_t seed) {
    return make_head(
        {.class_count = 80, .network = network, .density = density, .seed = seed});
  };
  const Head crowd = head_of(1.0F, 1);  // some 300,000 candidates
  const Head empty = head_of(0.0F, 2);
  const Head usual = head_of(0.0004F, 3);
  Postprocess postprocess =
      make(crowd.description, {.confidence = 0.01F, .multi_label = true});
  const std::vector<Letterbox> boxes(3, Letterbox::fit(network, network, Placement::kCentred));
  const auto out = run(postprocess, {&empty, &crowd, &usual}, boxes);
  EXPECT_TRUE(out[0].items.empty());
  EXPECT_FALSE(out[0].truncated);
  EXPECT_EQ(out[1].items.size(), 300U);
  EXPECT_TRUE(out[1].truncated);
  EXPECT_TRUE(equal(out[2], run(postprocess, {&usual}, {boxes[0]})[0]));
  EXPECT_GT(out[2].items.size(), 10U);
  EXPECT_FALSE(out[2].truncated);
  Postprocess ample = make(crowd.description, {.confidence = 0.01F,
                                               .max_det = 1 << 20,
                                               .max_candidates = 30000,
                                               .multi_label = true});
  EXPECT_TRUE(run(ample, {&crowd}, {boxes[0]})[0].truncated);  // by max_candidates alone
}

// A head of one class with the given boxes (x1 y1 x2 y2), best first.
Head boxes_in(Size network, const std::vector<std::array<float, 4>>& boxes) {
  Head head = make_head({.class_count = 1, .network = network, .density = 0});
  auto& values = head.values[0];
  const std::size_t n = values.size() / 5;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const auto [x1, y1, x2, y2] = boxes[i];
    values[i] = (x1 + x2) / 2;
    values[n + i] = (y1 + y2) / 2;
    values[2 * n + i] = x2 - x1;
    values[3 * n + i] = y2 - y1;
    values[4 * n + i] = 0.954F - static_cast<float>(i) * 0.01F;
  }
  return head;
}

TEST(PostprocessTest, BoxOverThePaddedEdgeIsClippedAndKept) {
  // DeepStream-Yolo issue 697: content ends at row 500, the box at 500.44.
  const Size network{640, 640};
  const Letterbox letterbox = Letterbox::fit({1280, 1000}, network, Placement::kTopLeft);
  ASSERT_EQ(letterbox.content.height, 500);
  const Head head = boxes_in(network, {{100, 300, 200, 500.44F},
                                       {-20, -30, 50, 40},
                                       {600, 100, 700, 200},
                                       {300, 499.9F, 400, 600}});
  Postprocess postprocess = make(head.description, {});
  const auto out = run(postprocess, {&head}, {letterbox});
  ASSERT_EQ(out[0].items.size(), 4U);
  EXPECT_FLOAT_EQ(out[0].items[0].confidence, 0.954F);
  EXPECT_EQ(out[0].items[0].box, (Box<SourceSpace>{200, 600, 400, 1000}));
  EXPECT_EQ(out[0].items[1].box, (Box<SourceSpace>{0, 0, 100, 80}));
  EXPECT_EQ(out[0].items[2].box, (Box<SourceSpace>{1200, 200, 1280, 400}));
  EXPECT_NEAR(out[0].items[3].box.y1, 999.8F, 1e-3F);
  EXPECT_EQ(out[0].items[3].box.y2, 1000);
}

TEST(PostprocessTest, BoxWhollyInThePaddingIsDroppedAndTakesNoPlace) {
  const Size network{640, 640};
  const Letterbox letterbox = Letterbox::fit({1280, 640}, network, Placement::kCentred);
  const Head head = boxes_in(network, {{100, 10, 200, 150},     // above the content
                                       {100, 480, 200, 640},    // touches its lower edge
                                       {100, 200, 200, 300}});  // in it
  Postprocess postprocess = make(head.description, {.max_det = 1});
  const auto out = run(postprocess, {&head}, {letterbox});
  ASSERT_EQ(out[0].items.size(), 1U);
  EXPECT_EQ(out[0].items[0].box, (Box<SourceSpace>{200, 80, 400, 280}));
  EXPECT_FALSE(out[0].truncated);
}

TEST(PostprocessTest, DetectionsAreFiniteClippedAndSortedWhateverTheOutputsHold) {
  for (const BoxEncoding encoding : samples::kEncodings) {
    std::mt19937 random(5);
    for (std::uint32_t seed = 1; seed < 20; ++seed) {
      Head head = make_head(
          {.encoding = encoding, .network = kNetwork, .density = 0.5F, .seed = seed});
      for (auto& tensor : head.values) {
        for (float& value : tensor) {
          if (random() % 20 == 0) value *= static_cast<float>(1U << random() % 31);
          if (random() % 50 == 0) value = std::numeric_limits<float>::quiet_NaN();
        }
      }
      Postprocess postprocess = make(head.description, {.confidence = 0.01F});
      const Letterbox letterbox = letterbox_of(seed);
      const auto out = run(postprocess, {&head}, {letterbox});
      float last = 1;
      for (const Detection& one : out[0].items) {
        EXPECT_TRUE(one.box.x1 >= 0 && one.box.x1 <= one.box.x2 &&
                    one.box.x2 <= static_cast<float>(letterbox.source.width));
        EXPECT_TRUE(one.box.y1 >= 0 && one.box.y1 <= one.box.y2 &&
                    one.box.y2 <= static_cast<float>(letterbox.source.height));
        EXPECT_TRUE(one.confidence > 0.01F && one.confidence <= last);
        last = one.confidence;
      }
    }
  }
}

TEST(PostprocessTest, EndToEndHeadIsNotSuppressedButSortedAndCapped) {
  Head head = make_head(
      {.encoding = BoxEncoding::kEndToEnd, .class_count = 2, .network = kNetwork, .density = 0});
  for (std::size_t i = 0; i < 5; ++i) {  // five times the same box, rising scores
    const float row[6] = {10, 10, 50, 50, 0.5F + static_cast<float>(i) * 0.1F, 1};
    std::copy(std::begin(row), std::end(row), &head.values[0][i * 6]);
  }
  head.values[0][5 * 6 + 4] = 0.9F;
  head.values[0][5 * 6 + 5] = 2;  // no such class
  Postprocess postprocess = make(head.description, {.max_det = 4});
  const auto out = run(postprocess, {&head}, {letterbox_of(2)});
  ASSERT_EQ(out[0].items.size(), 4U);
  EXPECT_TRUE(out[0].truncated);
  EXPECT_FLOAT_EQ(out[0].items[0].confidence, 0.9F);
  EXPECT_FLOAT_EQ(out[0].items[3].confidence, 0.6F);
}

TEST(PostprocessTest, AllocatesNothingAfterWarmUp) {
  for (const BoxEncoding encoding : samples::kEncodings) {
    const std::vector<Head> heads = pictures(encoding, 6);
    Postprocess postprocess =
        make(heads[0].description, {.confidence = 0.001F, .max_det = 50, .multi_label = true});
    std::vector<Detections> out(2);
    const auto pair = [&](std::size_t first) {
      const HeadView views[] = {heads[first].view(), heads[first + 1].view()};
      const Letterbox boxes[] = {letterbox_of(0), letterbox_of(1)};
      ASSERT_TRUE(postprocess.run(out, views, boxes));
    };
    for (const std::size_t first : {0U, 2U}) pair(first);  // both entries have had detections
    const std::size_t before = counted_allocations();
    for (const std::size_t first : {4U, 1U, 0U, 3U}) pair(first);
    EXPECT_EQ(counted_allocations(), before) << to_string(encoding);
  }
}

TEST(PostprocessTest, OptionsOutOfRangeAreNamedInTheError) {
  const Head head = make_head({.class_count = 3});
  const auto message = [&](const PostprocessOptions& options) {
    const auto result = Postprocess::create(head.description, options);
    EXPECT_FALSE(result);
    return result ? std::string() : result.error().message;
  };
  EXPECT_NE(message({.confidence = 1.5F}).find("confidence is 1.5"), std::string::npos);
  EXPECT_NE(message({.iou = std::nanf("")}).find("iou"), std::string::npos);
  EXPECT_NE(message({.max_det = 0}).find("max_det is 0"), std::string::npos);
  EXPECT_NE(message({.max_candidates = -1}).find("max_candidates is -1"), std::string::npos);
  EXPECT_NE(message({.classes = {3}}).find("class 3 is not one of the model's 3"),
            std::string::npos);
}

TEST(PostprocessTest, OutputsOfAnotherShapeAreAnErrorAndLeaveNothing) {
  const Head head = make_head({.class_count = 12, .network = kNetwork});
  const Head other = make_head({.class_count = 11, .network = kNetwork});
  Postprocess postprocess = make(head.description, {.confidence = 0.01F});
  std::vector<Detections> out(2);
  const HeadView views[] = {head.view(), other.view()};
  const Letterbox boxes[] = {letterbox_of(0), letterbox_of(0)};
  const auto result = postprocess.run(out, views, boxes);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(out[0].items.empty() && out[1].items.empty());
  EXPECT_FALSE(postprocess.run(out, views, std::span(boxes).first(1)));
}

}  // namespace
}  // namespace shoal
