// Goal: a failed allocation is remembered, said once, not repeated, and grown out of slowly.
#include "core/memory_ceiling.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

using std::chrono::seconds;

const TimePoint kStart = TimePoint{} + std::chrono::hours(100);

TEST(MemoryCeilingTest, NothingIsLimitedBeforeAFailure) {
  MemoryCeiling ceiling(16);
  EXPECT_EQ(ceiling.allowed(kStart), 16);
  EXPECT_EQ(ceiling.allowed(kStart + std::chrono::hours(9)), 16);
  EXPECT_FALSE(ceiling.limited());
}

TEST(MemoryCeilingTest, AFailureHalvesAndIsSaidOnce) {
  MemoryCeiling ceiling(16);
  EXPECT_TRUE(ceiling.failed(16, kStart));
  EXPECT_EQ(ceiling.allowed(kStart + seconds(1)), 8);
  EXPECT_FALSE(ceiling.failed(16, kStart + seconds(1))) << "a lane that had launched before";
  EXPECT_EQ(ceiling.allowed(kStart + seconds(1)), 8);
  EXPECT_TRUE(ceiling.failed(8, kStart + seconds(2))) << "lower than was said";
  EXPECT_EQ(ceiling.allowed(kStart + seconds(2)), 4);
}

TEST(MemoryCeilingTest, OneIsTheEnd) {
  MemoryCeiling ceiling(4);
  EXPECT_TRUE(ceiling.failed(2, kStart));
  EXPECT_EQ(ceiling.ceiling(), 1);
  EXPECT_FALSE(ceiling.failed(1, kStart));
  EXPECT_EQ(ceiling.allowed(kStart), 1);
}

TEST(MemoryCeilingTest, ABatchOfOneIsSaidOnceToo) {
  MemoryCeiling ceiling(1);
  EXPECT_TRUE(ceiling.failed(1, kStart));
  EXPECT_FALSE(ceiling.failed(1, kStart + seconds(1)));
  EXPECT_EQ(ceiling.allowed(kStart), 1);
}

TEST(MemoryCeilingTest, ItGrowsAStepAQuietPeriod) {
  MemoryCeiling ceiling(16);
  EXPECT_TRUE(ceiling.failed(16, kStart));
  EXPECT_EQ(ceiling.allowed(kStart + seconds(29)), 8);
  EXPECT_EQ(ceiling.allowed(kStart + seconds(30)), 10);
  EXPECT_EQ(ceiling.allowed(kStart + seconds(31)), 10);
  EXPECT_EQ(ceiling.allowed(kStart + seconds(60)), 12);
  EXPECT_EQ(ceiling.allowed(kStart + seconds(90)), 15);
  EXPECT_EQ(ceiling.allowed(kStart + seconds(120)), 16);
  EXPECT_TRUE(ceiling.limited());
  EXPECT_EQ(ceiling.allowed(kStart + seconds(150)), 16);
  EXPECT_FALSE(ceiling.limited());
  EXPECT_TRUE(ceiling.failed(16, kStart + seconds(200))) << "another story is said again";
}

TEST(MemoryCeilingTest, AFailureOnTheWayUpGoesBackAndDoublesThePeriod) {
  MemoryCeiling ceiling(16);
  EXPECT_TRUE(ceiling.failed(16, kStart));
  EXPECT_EQ(ceiling.allowed(kStart + seconds(30)), 10);
  EXPECT_FALSE(ceiling.failed(9, kStart + seconds(31))) << "8 was said before";
  EXPECT_EQ(ceiling.ceiling(), 8);
  EXPECT_EQ(ceiling.quiet(), seconds(60));
  EXPECT_EQ(ceiling.allowed(kStart + seconds(90)), 8);
  EXPECT_EQ(ceiling.allowed(kStart + seconds(91)), 10);
}

TEST(MemoryCeilingTest, MemoryThatStaysShortCostsAFailureAnHourAtMost) {
  MemoryCeiling ceiling(64);
  int failures = 0;
  int said = 0;
  const TimePoint end = kStart + std::chrono::hours(48);
  for (TimePoint now = kStart; now < end; now += seconds(5)) {
    const int count = ceiling.allowed(now);
    if (count <= 20) continue;  // what memory has room for
    ++failures;
    said += ceiling.failed(count, now) ? 1 : 0;
    EXPECT_LE(ceiling.ceiling(), count - 1);
  }
  EXPECT_EQ(said, 2) << "32, then 16";
  EXPECT_GE(failures, 40) << "it is tried again";
  EXPECT_LE(failures, 60) << "but slowly";
  EXPECT_GE(ceiling.ceiling(), 16);
}

}  // namespace
}  // namespace shoal
