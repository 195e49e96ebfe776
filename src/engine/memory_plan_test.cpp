// Goal: the plan's arithmetic, and that a limit takes away in the promised order.
#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include <vector>

namespace shoal {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

std::vector<NetworkCost> one_network() {
  return {{.size = {640, 640},
           .parameters = kMiB,
           .input_bytes = kMiB,
           .output_bytes = 2 * kMiB,
           .activation_bytes = 10 * kMiB,
           .activation_peak = "conv",
           .kernels = 0}};
}

TEST(MemoryPlanTest, EachPartIsItsFormula) {
  const EngineMemory memory = plan_memory(
      one_network(), {.precision = Precision::kFp32, .batch = 8, .lanes = 2});
  EXPECT_EQ(memory.weights, 4 * kMiB);
  EXPECT_EQ(memory.inputs, 2 * 8 * kMiB);
  EXPECT_EQ(memory.outputs, 2 * 8 * 2 * kMiB);
  EXPECT_EQ(memory.activations, 2 * 10 * kMiB) << "pictures run one by one on two streams";
  EXPECT_EQ(memory.total(), (4 + 16 + 32 + 20) * kMiB);
}

TEST(MemoryPlanTest, BatchedAndWideNetworksCostTheirOwnCopies) {
  const EngineMemory memory =
      plan_memory(one_network(), {.precision = Precision::kBf16, .batch = 4, .lanes = 2,
                                  .batched = true, .wide_lane = true});
  EXPECT_EQ(memory.weights, 3 * 2 * kMiB);
  EXPECT_EQ(memory.activations, (2 * (1 + 4) + 1) * 10 * kMiB);
  EXPECT_EQ(memory.inputs, (2 * 4 + 1) * kMiB);
}

TEST(MemoryPlanTest, BucketsShareBuffersAndNothingElse) {
  auto networks = one_network();
  networks.push_back(networks.front());
  networks.back().input_bytes = kMiB / 2;
  networks.back().output_bytes = 3 * kMiB;
  const EngineMemory memory = plan_memory(networks, {.batch = 1, .lanes = 1});
  EXPECT_EQ(memory.weights, 2 * 4 * kMiB);
  EXPECT_EQ(memory.inputs, kMiB);
  EXPECT_EQ(memory.outputs, 3 * kMiB);
}

TEST(FitMemoryTest, BatchedGoesFirstThenTheBatchThenLanes) {
  const auto networks = one_network();
  const MemoryShape wanted{.batch = 8, .lanes = 2, .batched = true};
  const auto fit = [&](std::int64_t mib) { return *fit_memory(networks, wanted, mib * kMiB); };
  EXPECT_TRUE(fit_memory(networks, wanted, 0)->batched) << "no limit";
  EXPECT_TRUE(fit(236).batched);
  EXPECT_EQ(fit(236).batch, 8);
  EXPECT_FALSE(fit(235).batched);
  EXPECT_EQ(fit(72).batch, 8);
  EXPECT_EQ(fit(71).batch, 7);
  EXPECT_EQ(fit(71).lanes, 2);
  EXPECT_EQ(fit(30).batch, 1);
  EXPECT_EQ(fit(30).lanes, 2);
  EXPECT_EQ(fit(29).lanes, 1);
  EXPECT_EQ(fit(29).batch, 5);
  EXPECT_EQ(fit(17).batch, 1);
}

TEST(FitMemoryTest, TryingBothWaysNeedsTheBuffersTwice) {
  const MemoryShape wanted{.batch = 8, .lanes = 2, .batched = true, .measured = true};
  EXPECT_TRUE(fit_memory(one_network(), wanted, 284 * kMiB)->batched);
  EXPECT_FALSE(fit_memory(one_network(), wanted, 283 * kMiB)->batched);
}

TEST(FitMemoryTest, TheWideLaneIsTheLastToGo) {
  auto wanted = MemoryShape{.batch = 1, .lanes = 2, .wide_lane = true};
  EXPECT_TRUE(fit_memory(one_network(), wanted, 47 * kMiB)->wide_lane);
  const auto least = fit_memory(one_network(), wanted, 17 * kMiB);
  ASSERT_TRUE(least);
  EXPECT_EQ(least->lanes, 1);
}

TEST(FitMemoryTest, WhereNothingFitsThePlanIsInTheMessage) {
  const auto fit = fit_memory(one_network(), {.batch = 8, .lanes = 2}, 16 * kMiB);
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(fit.error().message,
            "one picture on one lane needs 17.0 MiB (weights 4.0 MiB + inputs 1.0 MiB + outputs "
            "2.0 MiB + activations 10.0 MiB + workspace 0 B), the memory limit leaves 16.0 MiB");
}

TEST(LargestBatchTest, IsTheLastThatFits) {
  const auto networks = one_network();
  const MemoryShape shape{.batch = 1, .lanes = 1, .batched = true};
  for (std::int64_t limit = 10 * kMiB; limit < 400 * kMiB; limit += 7 * kMiB) {
    const int batch = largest_batch(networks, shape, limit, 1024);
    MemoryShape at = shape;
    at.batch = batch;
    if (batch > 0) {
      EXPECT_LE(plan_memory(networks, at).total(), limit);
    }
    at.batch = batch + 1;
    EXPECT_GT(plan_memory(networks, at).total(), limit);
  }
  EXPECT_EQ(largest_batch(networks, shape, std::int64_t{1} << 50, 64), 64);
}

}  // namespace
}  // namespace shoal
