// Goal: a picture's outputs do not depend on batch size, slot, neighbours, lane, thread or way of
// execution, and what cannot run is refused by name.
// Method: tiny models whose graphs hold every trap; results compared bit by bit.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "engine/testdata/test_models.h"

namespace shoal {
namespace {

using testing_models::fill;
using testing_models::load;
using testing_models::outputs_of;
using testing_models::ScratchFolder;
using testing_models::tiny;

EngineOptions options(Execution execution, int batch_max) {
  EngineOptions result;
  result.precision = Precision::kFp32;
  result.execution = execution;
  result.batch_max = batch_max;
  return result;
}

// Outputs of pictures with seeds 1 .. count, each run alone.
std::vector<std::vector<float>> alone(const std::string& path, int count) {
  auto engine = load(path, options(Execution::kSpread, 1));
  EXPECT_TRUE(engine.has_value()) << engine.error().message;
  auto lane = (*engine)->create_lane();
  std::vector<std::vector<float>> rows;
  for (int k = 0; k < count; ++k) {
    fill(**lane, 0, 1, static_cast<std::uint32_t>(k + 1));
    EXPECT_TRUE((*lane)->run(0, 1).has_value());
    rows.push_back(outputs_of(**lane, 0, 0));
  }
  return rows;
}

void expect_batches_equal_singles(const std::string& path, Execution execution) {
  constexpr int kMax = 8;
  const auto expected = alone(path, kMax);
  ASSERT_NE(expected[0], expected[1]) << "the pictures must differ for this test to mean anything";
  for (const int batch_max : {2, 4, kMax}) {
    auto engine = load(path, options(execution, batch_max));
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    auto lane = (*engine)->create_lane();
    ASSERT_TRUE(lane.has_value());
    for (int count = batch_max; count >= 1; --count) {
      fill(**lane, 0, count, 1);
      ASSERT_TRUE((*lane)->run(0, count).has_value());
      for (int slot = 0; slot < count; ++slot) {
        EXPECT_EQ(outputs_of(**lane, 0, slot), expected[static_cast<std::size_t>(slot)])
            << path << " batch " << count << " of " << batch_max << " slot " << slot;
      }
    }
  }
}

const char* const kRunnable[] = {"xywh_dynamic.onnx",     "xywh_static1.onnx",
                                 "xywh_static4.onnx",     "xywh_symbolic_but_baked.onnx",
                                 "xywh_transposed.onnx",  "objectness.onnx",
                                 "end_to_end.onnx",       "yolox_raw.onnx",
                                 "gfl_bins.onnx",         "gfl_distances.onnx",
                                 "static1_joined_constant.onnx"};

TEST(EngineTest, SpreadBatchesHaveTheBitsOfSinglePictures) {
  for (const char* model : kRunnable) {
    expect_batches_equal_singles(tiny(model), Execution::kSpread);
  }
}

TEST(EngineTest, BatchedCallsHaveTheBitsOfSinglePictures) {
  for (const char* model : kRunnable) {
    expect_batches_equal_singles(tiny(model), Execution::kBatched);
  }
}

TEST(EngineTest, BakedAndDynamicBatchesAnswerAlike) {
  const auto dynamic = alone(tiny("xywh_dynamic.onnx"), 4);
  EXPECT_EQ(alone(tiny("xywh_static1.onnx"), 4), dynamic);
  EXPECT_EQ(alone(tiny("xywh_static4.onnx"), 4), dynamic);
  EXPECT_EQ(alone(tiny("xywh_ir.xml"), 4), dynamic);
}

TEST(EngineTest, ABatchThatCannotBeRewrittenStillRunsSpread) {
  expect_batches_equal_singles(tiny("static1_squeezed.onnx"), Execution::kSpread);
  const auto refused = load(tiny("static1_squeezed.onnx"), options(Execution::kBatched, 4));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("Squeeze 'squash'"), std::string::npos)
      << refused.error().message;
  const auto measured = load(tiny("static1_squeezed.onnx"), options(Execution::kAuto, 4));
  ASSERT_TRUE(measured.has_value());
  EXPECT_NE((*measured)->summary().find("spread"), std::string::npos);
}

TEST(EngineTest, PicturesThatInfluenceEachOtherAreNeverBatched) {
  for (const char* model : {"dynamic_across_pictures.onnx", "static1_across_pictures.onnx"}) {
    const auto forced = load(tiny(model), options(Execution::kBatched, 4));
    ASSERT_FALSE(forced.has_value()) << model;
    EXPECT_EQ(forced.error().code, ErrorCode::kUnsupported);
    expect_batches_equal_singles(tiny(model), Execution::kAuto);
  }
}

TEST(EngineTest, ABatchAboveTheMaximumIsAnErrorAndTheLaneLivesOn) {
  auto engine = load(tiny("xywh_dynamic.onnx"), options(Execution::kSpread, 8));
  ASSERT_TRUE(engine.has_value());
  auto lane = (*engine)->create_lane();
  fill(**lane, 0, 8, 1);
  const auto nine = (*lane)->run(0, 9);
  ASSERT_FALSE(nine.has_value());
  EXPECT_EQ(nine.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(nine.error().message.find("9 pictures"), std::string::npos);
  EXPECT_NE(nine.error().message.find("1 to 8"), std::string::npos);
  EXPECT_FALSE((*lane)->run(0, 0).has_value());
  EXPECT_FALSE((*lane)->run(1, 1).has_value());
  ASSERT_TRUE((*lane)->run(0, 8).has_value());
  EXPECT_EQ(outputs_of(**lane, 0, 7), alone(tiny("xywh_dynamic.onnx"), 8)[7]);
}

TEST(EngineTest, TwoLanesInTwoThreadsGiveTheBitsOfOne) {
  constexpr int kPictures = 40;
  const auto expected = alone(tiny("objectness.onnx"), kPictures);
  auto engine = load(tiny("objectness.onnx"), options(Execution::kSpread, 4));
  ASSERT_TRUE(engine.has_value());
  std::vector<std::vector<float>> rows(kPictures);
  const auto work = [&](int first) {
    auto lane = (*engine)->create_lane();
    for (int start = first; start < kPictures; start += 8) {
      fill(**lane, 0, 4, static_cast<std::uint32_t>(start + 1));
      ASSERT_TRUE((*lane)->run(0, 4).has_value());
      for (int slot = 0; slot < 4; ++slot) {
        rows[static_cast<std::size_t>(start + slot)] = outputs_of(**lane, 0, slot);
      }
    }
  };
  {
    std::jthread one(work, 0);
    std::jthread two(work, 4);
  }
  EXPECT_EQ(rows, expected);
}

TEST(EngineTest, LaneHasItsOwnInputMemoryForEverySlot) {
  auto engine = load(tiny("xywh_dynamic.onnx"), options(Execution::kSpread, 3));
  ASSERT_TRUE(engine.has_value());
  auto one = (*engine)->create_lane();
  auto two = (*engine)->create_lane();
  EXPECT_EQ((*one)->input(0, 0).size(), 3U * 64 * 64);
  EXPECT_NE((*one)->input(0, 0).data(), (*two)->input(0, 0).data());
  EXPECT_GE((*one)->input(0, 1).data(), (*one)->input(0, 0).data() + 3 * 64 * 64);
  EXPECT_EQ((*one)->outputs(0, 0).size(), 1U);
  EXPECT_EQ((*one)->outputs(0, 0)[0].shape, (Shape{.dims = {7, 84}, .rank = 2}));
}

TEST(EngineTest, BucketsWithAFreeGridEqualAModelOfThatSize) {
  auto opts = options(Execution::kSpread, 2);
  opts.buckets = {{64, 64}, {96, 64}};
  auto free_grid = load(tiny("xywh_free_grid.onnx"), opts);
  ASSERT_TRUE(free_grid.has_value()) << free_grid.error().message;
  ASSERT_EQ((*free_grid)->buckets().size(), 2U);
  auto lane = (*free_grid)->create_lane();
  fill(**lane, 1, 2, 1);
  ASSERT_TRUE((*lane)->run(1, 2).has_value());
  // The same weights (one seed) with the grid of 96x64 baked in.
  const auto expected = alone(tiny("xywh_wide.onnx"), 2);
  for (int slot = 0; slot < 2; ++slot) {
    const auto got = outputs_of(**lane, 1, slot);
    const auto& wanted = expected[static_cast<std::size_t>(slot)];
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], wanted[i], 1e-3F * std::max(1.0F, std::abs(wanted[i])));
    }
  }
}

TEST(EngineTest, BakedGridsRefuseOtherBuckets) {
  struct Case {
    const char* model;
    Size bucket;
    const char* part;
  };
  // 64x96 has as many cells as the 96x64 it was made for: only the baked grid tells.
  for (const Case& c : {Case{"xywh_dynamic.onnx", {96, 64}, "made for 64x64"},
                        Case{"xywh_wide.onnx", {64, 96}, "baked grid"}}) {
    auto opts = options(Execution::kSpread, 1);
    opts.buckets = {c.bucket};
    const auto refused = load(tiny(c.model), opts);
    ASSERT_FALSE(refused.has_value()) << c.model;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(refused.error().message.find(c.part), std::string::npos) << refused.error().message;
  }
  auto opts = options(Execution::kSpread, 1);
  opts.buckets = {{100, 64}};
  const auto odd = load(tiny("xywh_free_grid.onnx"), opts);
  ASSERT_FALSE(odd.has_value());
  EXPECT_EQ(odd.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(odd.error().message.find("multiples of 32"), std::string::npos);
}

TEST(EngineTest, ThePlanIsMeasuredOnceAndRemembered) {
  const ScratchFolder folder;
  auto opts = options(Execution::kAuto, 4);
  opts.plan_cache = folder.file("plans.json");
  auto first = load(tiny("xywh_dynamic.onnx"), opts);
  ASSERT_TRUE(first.has_value());
  EXPECT_NE((*first)->summary().find("measured"), std::string::npos) << (*first)->summary();
  auto second = load(tiny("xywh_dynamic.onnx"), opts);
  ASSERT_TRUE(second.has_value());
  EXPECT_NE((*second)->summary().find("remembered"), std::string::npos);
  opts.batch_max = 3;
  auto third = load(tiny("xywh_dynamic.onnx"), opts);
  ASSERT_TRUE(third.has_value());
  EXPECT_NE((*third)->summary().find("measured"), std::string::npos);
}

TEST(EngineTest, PrecisionsOfOtherDevicesAreRefusedWithWhatToUse) {
  auto opts = options(Execution::kSpread, 1);
  for (const Precision precision : {Precision::kFp16, Precision::kInt8}) {
    opts.precision = precision;
    const auto refused = load(tiny("xywh_dynamic.onnx"), opts);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(refused.error().message.find("use"), std::string::npos);
  }
  opts.precision = Precision::kAuto;
  const auto chosen = load(tiny("xywh_dynamic.onnx"), opts);
  ASSERT_TRUE(chosen.has_value());
  EXPECT_NE((*chosen)->precision(), Precision::kAuto);
}

TEST(EngineTest, WrongOptionsAreErrors) {
  auto opts = options(Execution::kSpread, 0);
  EXPECT_EQ(load(tiny("xywh_dynamic.onnx"), opts).error().code, ErrorCode::kInvalidArgument);
  opts.batch_max = 1;
  opts.name = "openvin";
  const auto misspelt = load(tiny("xywh_dynamic.onnx"), opts);
  ASSERT_FALSE(misspelt.has_value());
  EXPECT_NE(misspelt.error().message.find("did you mean 'openvino'"), std::string::npos);
}

TEST(EngineTest, LatencyModeHasOneLaneAndTheSameAnswers) {
  auto opts = options(Execution::kSpread, 2);
  opts.mode = PerformanceMode::kLatency;
  auto engine = load(tiny("xywh_dynamic.onnx"), opts);
  ASSERT_TRUE(engine.has_value());
  EXPECT_EQ((*engine)->lane_count(), 1);
  auto lane = (*engine)->create_lane();
  fill(**lane, 0, 2, 1);
  ASSERT_TRUE((*lane)->run(0, 2).has_value());
  const auto expected = alone(tiny("xywh_dynamic.onnx"), 2);
  const auto got = outputs_of(**lane, 0, 1);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[1][i], 1e-3F);
}

}  // namespace
}  // namespace shoal
