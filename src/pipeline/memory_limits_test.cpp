// Goal: a model gets its own limit or what the process's leaves, whichever is less.
#include "pipeline/memory_limits.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

std::int64_t bytes(const std::string& model, const std::string& process,
                   const MemoryFacts& facts) {
  DetectorOptions options;
  options.memory_limit = model;
  options.process_memory_limit = process;
  const auto result = memory_for_model(options, facts);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : -1;
}

TEST(MemoryLimitsTest, TheSmallerOfTheTwoCounts) {
  const MemoryFacts facts{.total = 1000 * kMiB, .resident = 10 * kMiB, .promised = 0};
  EXPECT_EQ(bytes("", "", facts), 0) << "no limit at all";
  EXPECT_EQ(bytes("100MiB", "", facts), 100 * kMiB);
  EXPECT_EQ(bytes("50%", "", facts), 500 * kMiB);
  EXPECT_EQ(bytes("", "80%", facts), (600 - 96) * kMiB) << "a quarter is left for requests";
  EXPECT_EQ(bytes("100MiB", "80%", facts), 100 * kMiB);
  EXPECT_EQ(bytes("90%", "80%", facts), (600 - 96) * kMiB);
}

TEST(MemoryLimitsTest, LoadedModelsCountAsPlannedOrAsResident) {
  MemoryFacts facts{.total = 1000 * kMiB, .resident = 90 * kMiB, .promised = 200 * kMiB};
  EXPECT_EQ(bytes("", "80%", facts), (600 - 296) * kMiB) << "not touched yet, but promised";
  facts.resident = 300 * kMiB;
  EXPECT_EQ(bytes("", "80%", facts), 300 * kMiB);
}

TEST(MemoryLimitsTest, WhereNothingIsLeftTheMessageSaysWhy) {
  DetectorOptions options;
  options.model = "m.onnx";
  const auto result = memory_for_model(
      options, {.total = 100 * kMiB, .resident = 80 * kMiB, .promised = 5 * kMiB});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(result.error().message,
            "process.memory_limit 80% is 80.0 MiB of 100.0 MiB: after 25 % for requests, 96.0 MiB "
            "for the program and 5.0 MiB for loaded models nothing is left for 'm.onnx'");
}

TEST(MemoryLimitsTest, NonsenseIsRefused) {
  DetectorOptions options;
  options.memory_limit = "some";
  EXPECT_EQ(memory_for_model(options, {}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoal
