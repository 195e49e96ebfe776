// Goal: small files that would cost gigabytes or hours are refused before that, by name; models
// that suppress boxes themselves, and quantised ones that OpenVINO's own passes break, are loaded.
#include "engine/openvino/load_check.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "engine/testdata/test_models.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

using testing_models::fill;
using testing_models::load;
using testing_models::outputs_of;
using testing_models::tiny;

Result<ModelInspection> inspect(const std::string& file, const EngineOptions& options = {}) {
  return inspect_model({.path = tiny(file), .embedded = {}, .name = ""}, options);
}

struct Refused {
  const char* file;
  ErrorCode code;
  std::vector<const char*> parts;
};

TEST(LoadCheckTest, SmallFilesThatWouldTakeGigabytesOrHoursAreRefused) {
  const std::vector<Refused> cases = {
      {"huge_constant.onnx", ErrorCode::kOutOfMemory, {"from constants", "load.memory_max"}},
      {"huge_product.onnx", ErrorCode::kOutOfMemory, {"from constants", "Multiply"}},
      {"huge_shape.onnx", ErrorCode::kOutOfMemory, {"load.memory_max"}},
      {"long_chain.onnx", ErrorCode::kUnsupported, {"follow one another", "without a convolution"}},
  };
  const std::int64_t before = process_memory().peak_bytes;
  for (const Refused& one : cases) {
    for (const bool loading : {false, true}) {
      EngineOptions options;
      options.execution = Execution::kSpread;
      Result<void> outcome;
      if (loading) {
        if (auto engine = load(tiny(one.file), options); !engine) outcome = engine.error();
      } else if (auto found = inspect(one.file, options); !found) {
        outcome = found.error();
      }
      ASSERT_FALSE(outcome) << one.file;
      EXPECT_EQ(outcome.error().code, one.code) << outcome.error().message;
      for (const char* part : one.parts) {
        EXPECT_NE(outcome.error().message.find(part), std::string::npos)
            << outcome.error().message << " lacks " << part;
      }
    }
  }
  EXPECT_LT(process_memory().peak_bytes - before, std::int64_t{1} << 30);
}

TEST(LoadCheckTest, TensorsOfOnePictureHaveToFitTheMemoryLimit) {
  EngineOptions options;
  options.memory_limit = std::int64_t{1} << 30;
  const auto found = inspect("huge_activation.onnx", options);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kOutOfMemory) << found.error().message;
}

TEST(LoadCheckTest, TheLimitsAreOptions) {
  EngineOptions options;
  options.load.nodes_max = 20;
  const auto few = inspect("xywh_dynamic.onnx", options);
  ASSERT_FALSE(few);
  EXPECT_NE(few.error().message.find("load.nodes_max"), std::string::npos) << few.error().message;
  options.load = {.memory_max = 100};
  const auto little = inspect("quantised_sum.onnx", options);
  ASSERT_FALSE(little);
  EXPECT_EQ(little.error().code, ErrorCode::kOutOfMemory) << little.error().message;
}

TEST(LoadCheckTest, ReadersRaiseTheLimitTogetherAndLeaveItAsItWas) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_DATA, &before), 0);
  {
    const ReadingLimit one(std::int64_t{1} << 30);
    rlimit with_one{};
    ASSERT_EQ(::getrlimit(RLIMIT_DATA, &with_one), 0);
    const ReadingLimit two(std::int64_t{1} << 30);
    rlimit with_two{};
    ASSERT_EQ(::getrlimit(RLIMIT_DATA, &with_two), 0);
    EXPECT_EQ(with_two.rlim_cur, with_one.rlim_cur + (rlim_t{1} << 30));
  }
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_DATA, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_cur);
}

TEST(LoadCheckTest, BoundsOfShapesCountWhereTheyAreKnown) {
  EXPECT_EQ(elements_at_most(ov::PartialShape{2, ov::Dimension(0, 5), 3}), 30);
  EXPECT_EQ(elements_at_most(ov::PartialShape{2, -1, 3}), 6);
  EXPECT_EQ(elements_at_most(ov::PartialShape::dynamic()), 0);
}

TEST(SuppressedModelTest, IsLoadedAndNeedsNoSecondSuppression) {
  const auto found = inspect("suppressed.onnx");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->model.head.encoding, BoxEncoding::kEndToEnd);
  EXPECT_FALSE(found->model.head.needs_nms());
  EXPECT_EQ(found->model.class_names.size(), 3U);
  EXPECT_NE(found->model.why.find("suppresses boxes itself"), std::string::npos);
  for (const Refusal& refusal : found->refusals) EXPECT_NE(refusal.what, kAnyExecution);
}

TEST(SuppressedModelTest, APictureInABatchAnswersAsAlone) {
  EngineOptions options;
  options.batch_max = 4;
  options.lanes = 1;
  const auto engine = load(tiny("suppressed.onnx"), options);
  ASSERT_TRUE(engine) << engine.error().message;
  const auto lane = (*engine)->create_lane();
  ASSERT_TRUE(lane) << lane.error().message;
  std::vector<std::vector<float>> alone;
  for (std::uint32_t k = 0; k < 4; ++k) {
    fill(**lane, 0, 1, k + 1);
    ASSERT_TRUE((*lane)->run(0, 1));
    alone.push_back(outputs_of(**lane, 0, 0));
    EXPECT_EQ(alone.back().size(), 120U);
  }
  fill(**lane, 0, 4, 1);
  ASSERT_TRUE((*lane)->run(0, 4));
  for (int k = 0; k < 4; ++k) {
    EXPECT_EQ(outputs_of(**lane, 0, k), alone[static_cast<std::size_t>(k)]);
  }
}

TEST(QuantisedModelTest, IsLoadedWithoutThePassesThatBreakItAndSaysSo) {
  EngineOptions options;
  options.lanes = 1;
  const auto engine = load(tiny("quantised_sum.onnx"), options);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_NE((*engine)->summary().find("low-precision passes"), std::string::npos)
      << (*engine)->summary();
  const auto lane = (*engine)->create_lane();
  ASSERT_TRUE(lane);
  EXPECT_TRUE((*lane)->run(0, 1));
  const auto found = inspect("quantised_sum.onnx");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->notes.size(), 1U);
  EXPECT_NE(found->notes.front().find("low-precision passes"), std::string::npos);
  EXPECT_TRUE(inspect("xywh_dynamic.onnx")->notes.empty());
}

}  // namespace
}  // namespace shoal
