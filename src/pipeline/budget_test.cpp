// Goal: the budget's arithmetic: rows, the largest batch, the number of streams.
#include "pipeline/budget.h"

#include <gtest/gtest.h>

#include "pipeline/memory_limits.h"

namespace shoal {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

ModelCosts costs() {
  ModelCosts costs;
  costs.model.name = "m";
  costs.networks = {{.size = {640, 640}, .parameters = 2 * kMiB, .input_bytes = 640 * 640 * 3,
                     .output_bytes = kMiB, .activation_bytes = 8 * kMiB,
                     .activation_peak = "conv", .kernels = 10}};
  costs.wanted = {.precision = Precision::kBf16, .batch = 8, .lanes = 2, .batched = true,
                  .measured = true};
  return costs;
}

std::int64_t bytes_of(const Budget& budget, Part part) {
  for (const BudgetRow& row : budget.rows) {
    if (row.part == part) return row.bytes;
  }
  return -1;
}

TEST(BudgetTest, EveryPartHasARowAndTheSumIsTheirs) {
  const Budget budget = plan_budget(costs(), {.limit = 0, .stream = {}, .requests_max = 10});
  EXPECT_EQ(budget.rows.size(), kPartCount);
  EXPECT_EQ(bytes_of(budget, Part::kWeights), 4 * kMiB);
  EXPECT_EQ(bytes_of(budget, Part::kInputs), 2 * 8 * 640 * 640 * 3);
  EXPECT_EQ(bytes_of(budget, Part::kActivations), 16 * kMiB);
  EXPECT_EQ(bytes_of(budget, Part::kQueues), 10 * 1920 * 1080 * 3);
  EXPECT_EQ(bytes_of(budget, Part::kProgram), kProgramBytes);
  std::int64_t sum = 0;
  for (const BudgetRow& row : budget.rows) sum += row.bytes;
  EXPECT_EQ(budget.sum(), sum);
  EXPECT_TRUE(budget.fits);
}

TEST(BudgetTest, TheLargestBatchFitsAndOneMoreDoesNot) {
  BudgetOptions options{.limit = 400 * kMiB, .stream = {}, .requests_max = 4};
  Budget budget = plan_budget(costs(), options);
  const int largest = budget.largest_batch;
  ASSERT_GT(largest, 8);
  ModelCosts at = costs();
  at.wanted.batch = largest;
  EXPECT_TRUE(plan_budget(at, options).fits);
  at.wanted.batch = largest + 1;
  EXPECT_FALSE(plan_budget(at, options).fits);
  EXPECT_EQ(plan_budget(at, options).fitting.batch, largest);
}

TEST(BudgetTest, StreamsFitUnderTheLimitWithAReserve) {
  const BudgetOptions options{.limit = 1024 * kMiB, .stream = StreamKind{{1920, 1080}, 30}};
  const Budget budget = plan_budget(costs(), options);
  EXPECT_EQ(budget.stream_bytes, 1920 * 1080 * (6 * 3 / 2 + 2 * 3));
  const std::int64_t engine = plan_memory(budget.networks, budget.shape).total();
  const auto used = [&](std::int64_t streams) {
    return static_cast<double>(engine + kProgramBytes + streams * budget.stream_bytes);
  };
  const double usable = 0.7 * 1024 * static_cast<double>(kMiB);
  EXPECT_LE(used(budget.streams_by_memory), usable);
  EXPECT_GT(used(budget.streams_by_memory + 1), usable);
  BudgetCheck check;
  check.images_per_second = 214;
  EXPECT_EQ(check.streams_by_compute(30), 4) << "214 x 0.7 / 30 = 4.99";
}

TEST(BudgetTest, WhereNothingFitsTheFittingShapeIsNone) {
  const Budget budget = plan_budget(costs(), {.limit = 10 * kMiB, .stream = {}});
  EXPECT_FALSE(budget.fits);
  EXPECT_EQ(budget.fitting.batch, 0);
  EXPECT_EQ(budget.largest_batch, 0);
}

TEST(BudgetTest, StreamsAreReadStrictly) {
  const auto stream = parse_stream("1280x720@12.5");
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->size, (Size{1280, 720}));
  EXPECT_DOUBLE_EQ(stream->fps, 12.5);
  for (const char* text : {"", "1280x720", "1280x720@", "x@", "1280x720@0", "1280x720@-5",
                           "1280x720@30fps", "1x1@30", "1280*720@30", "1280x720@nan",
                           "99999x99999@30"}) {
    EXPECT_FALSE(parse_stream(text)) << text;
  }
}

}  // namespace
}  // namespace shoal
