// Goal: quantiles are right within a bucket, and the kernel's figures are read.
#include <gtest/gtest.h>

#include <vector>

#include "telemetry/histogram.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

TEST(HistogramTest, QuantilesAreWithinOneBucketOfTheTruth) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.add(std::chrono::microseconds(i * 100));
  EXPECT_NEAR(histogram.mean_ms(), 50.05, 1e-6);
  for (const double q : {0.5, 0.9, 0.99}) {
    EXPECT_GE(histogram.quantile_ms(q), q * 100 - 1e-9);
    EXPECT_LE(histogram.quantile_ms(q), q * 100 * 1.045);
  }
  EXPECT_NEAR(histogram.quantile_ms(1), 100, 1e-9);
}

TEST(HistogramTest, MergingEqualsAddingToOne) {
  Histogram all;
  Histogram first;
  Histogram second;
  for (int i = 0; i < 100; ++i) {
    const auto duration = std::chrono::microseconds(17 * i);
    all.add(duration);
    (i % 3 == 0 ? first : second).add(duration);
  }
  first.merge(second);
  EXPECT_EQ(first.count(), all.count());
  EXPECT_EQ(first.total(), all.total());
  EXPECT_EQ(first.quantile_ms(0.9), all.quantile_ms(0.9));
}

TEST(HistogramTest, NothingAddedIsZero) {
  EXPECT_EQ(Histogram().mean_ms(), 0);
  EXPECT_EQ(Histogram().quantile_ms(0.99), 0);
}

TEST(ProcessTest, PeakMemoryCoversAnAllocation) {
  const auto before = process_memory();
  const std::vector<char> block(64 << 20, 'x');
  const auto after = process_memory();
  EXPECT_GE(after.peak_bytes, before.resident_bytes + (60 << 20)) << block[1000];
}

TEST(ProcessTest, AMachineHasCoresAndMemory) {
  const Machine machine = this_machine();
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.memory_bytes, 0);
  EXPECT_FALSE(machine.cpu.empty());
}

}  // namespace
}  // namespace shoal
