// Goal: a camera whose frames all fail is told from one that works.
#include "pipeline/camera_counters.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart = TimePoint(std::chrono::hours(1));

TEST(CameraCountersTest, FramesThatAllFailAreNoticedAfterAWhile) {
  CameraCounters counters;
  EXPECT_FALSE(counters.failing(seconds(0), kStart)) << "nothing has been tried";
  counters.failed("no memory", kStart);
  counters.failed("the network is broken", kStart + seconds(9));
  EXPECT_FALSE(counters.failing(seconds(10), kStart + seconds(9)));
  const auto failing = counters.failing(seconds(10), kStart + seconds(10));
  ASSERT_TRUE(failing);
  EXPECT_EQ(failing->time, seconds(10));
  EXPECT_EQ(failing->why, "the network is broken");
}

TEST(CameraCountersTest, OneFrameThatIsAnalysedEndsIt) {
  CameraCounters counters;
  counters.failed("no memory", kStart);
  counters.analysed(seconds(0), false, kStart, kStart + seconds(20));
  EXPECT_FALSE(counters.failing(seconds(10), kStart + seconds(30)));
  counters.failed("no memory", kStart + seconds(30));
  EXPECT_FALSE(counters.failing(seconds(10), kStart + seconds(39))) << "counted from here";
  EXPECT_TRUE(counters.failing(seconds(10), kStart + seconds(40)));
}

TEST(CameraCountersTest, LongReasonsAreCut) {
  CameraCounters counters;
  counters.failed(std::string(10'000, 'x'), kStart);
  EXPECT_LE(counters.failing(seconds(0), kStart)->why.size(), 1000U);
}

}  // namespace
}  // namespace shoal
