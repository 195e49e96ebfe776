#include "sink/retention_clock.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

using namespace std::chrono_literals;

constexpr auto kYears = 24h * 3650;
const WallTime kNow{std::chrono::seconds(1'900'000'000)};

class RetentionClockTest : public testing::Test {
 protected:
  // Both clocks go on; the wall clock is `off` from what it should be.
  WallTime after(std::chrono::nanoseconds time, std::chrono::nanoseconds off = 0s) {
    steady_ += std::chrono::duration_cast<Duration>(time);
    wall_ += time;
    return clock_.now(wall_ + off, steady_);
  }
  void begin(std::optional<WallTime> newest, std::chrono::nanoseconds off = 0s) {
    clock_.begin(wall_ + off, steady_, newest);
  }

  RetentionClock clock_{24h};
  TimePoint steady_{1000s};
  WallTime wall_ = kNow;
};

TEST_F(RetentionClockTest, GoesWithAClockThatGoesWell) {
  begin(kNow - 1h);
  EXPECT_EQ(after(1h), kNow + 1h);
  EXPECT_EQ(after(1h, 5s), kNow + 2h + 5s);  // put right by a time server
  EXPECT_TRUE(clock_.trusts_wall());
}

TEST_F(RetentionClockTest, AJumpAndBackIsNoAge) {
  begin(kNow - 1h);
  EXPECT_EQ(after(1min, kYears), kNow + 1min);
  EXPECT_FALSE(clock_.trusts_wall());
  EXPECT_EQ(after(20h, kYears), kNow + 20h + 1min);
  EXPECT_EQ(after(1min), kNow + 20h + 2min);
  EXPECT_TRUE(clock_.trusts_wall());
}

TEST_F(RetentionClockTest, AClockThatStaysWhereItJumpedIsBelieved) {
  begin(kNow - 1h);
  EXPECT_EQ(after(1min, kYears), kNow + 1min);
  EXPECT_EQ(after(23h, kYears), kNow + 23h + 1min);
  EXPECT_EQ(after(2h, kYears), kNow + 25h + 1min + kYears);
  EXPECT_TRUE(clock_.trusts_wall());
}

TEST_F(RetentionClockTest, EveryFurtherJumpWaitsAnew) {
  begin(kNow - 1h);
  (void)after(1min, kYears);
  (void)after(23h, kYears);
  EXPECT_EQ(after(2h, 2 * kYears), kNow + 25h + 1min);
  EXPECT_EQ(after(23h, 2 * kYears), kNow + 48h + 1min);
}

TEST_F(RetentionClockTest, TimeNeverGoesBeyondTheWallClock) {
  begin(kNow - 1h);
  EXPECT_EQ(after(1min, -kYears), kNow + 1min - kYears);
}

TEST_F(RetentionClockTest, AStartWithAWrongClockDeletesNothingEither) {
  begin(kNow - 1h, kYears);
  EXPECT_EQ(after(1min, kYears), kNow - 1h + 1min);
  EXPECT_EQ(after(25h, kYears), kNow + 25h + 1min + kYears);  // it was right after all
}

TEST_F(RetentionClockTest, AnEmptyFolderHasNothingToLose) {
  begin(std::nullopt, kYears);
  EXPECT_EQ(after(1min, kYears), kNow + 1min + kYears);
}

}  // namespace
}  // namespace shoal
