// Goal: learned run times follow what is measured and promise nothing that was not. Method: direct
// cases.
#include "scheduler/run_times.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

using std::chrono::milliseconds;

TEST(RunTimesTest, NothingIsKnownBeforeTheFirstBatch) {
  const RunTimes times(2, 8);
  EXPECT_EQ(times.estimate(0, 4), std::nullopt);
  EXPECT_TRUE(times.estimates(1).empty());
}

TEST(RunTimesTest, InterpolatesBetweenSeenSizesOfTheSameBucket) {
  RunTimes times(2, 8);
  times.learn(0, 2, milliseconds(20));
  times.learn(0, 6, milliseconds(40));
  EXPECT_EQ(times.estimate(0, 1), Duration(milliseconds(10)));
  EXPECT_EQ(times.estimate(0, 2), Duration(milliseconds(20)));
  EXPECT_EQ(times.estimate(0, 4), Duration(milliseconds(30)));
  EXPECT_EQ(times.estimate(0, 6), Duration(milliseconds(40)));
  EXPECT_NEAR(to_milliseconds(*times.estimate(0, 8)), 40 * 8 / 6.0, 1e-3);
  EXPECT_EQ(times.estimate(1, 3), std::nullopt);
}

TEST(RunTimesTest, FollowsAChangeOfSpeed) {
  RunTimes times(1, 4);
  times.learn(0, 2, milliseconds(10));
  for (int i = 0; i < 60; ++i) times.learn(0, 2, milliseconds(20));
  EXPECT_NEAR(to_milliseconds(*times.estimate(0, 2)), 20, 0.1);
}

TEST(RunTimesTest, ASlowFirstBatchIsSoonForgottenAndNoSizeIsKnownByOne) {
  RunTimes times(1, 4);
  times.learn(0, 3, milliseconds(100));
  EXPECT_EQ(times.known_max(0), 0);
  for (int i = 0; i < 4; ++i) times.learn(0, 3, milliseconds(10));
  EXPECT_EQ(times.known_max(0), 3);
  EXPECT_LT(to_milliseconds(*times.estimate(0, 3)), 30);
}

TEST(RunTimesTest, ABatchTooShortToMeasureIsStillKnown) {
  RunTimes times(1, 8);
  times.learn(0, 8, Duration::zero());
  EXPECT_EQ(times.estimate(0, 1), Duration(1));
}

}  // namespace
}  // namespace shoal
