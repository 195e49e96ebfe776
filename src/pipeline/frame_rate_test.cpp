// Goal: fps_max thins evenly and to the rate that was asked for; windows tell the rate of now.
// Method: simulated arrivals with jitter, compared with counting.
#include "pipeline/frame_rate.h"

#include <gtest/gtest.h>

#include <random>

namespace shoal {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

TimePoint at(double seconds) {
  return TimePoint{} + std::chrono::hours(1) +
         duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

struct Passed {
  int count = 0;
  double longest_gap = 0;
};

Passed thin(double fps, double fps_max, double jitter_s, double seconds) {
  FrameThinner thinner(fps_max);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> jitter(-jitter_s, jitter_s);
  Passed passed;
  double last = 0;
  for (int i = 0; i < static_cast<int>(seconds * fps); ++i) {
    const double time = i / fps + jitter(random);
    const bool wanted = thinner.wants(at(time));
    const bool passes = thinner.passes(at(time));
    EXPECT_EQ(wanted, passes) << "said before";
    if (!passes) continue;
    ++passed.count;
    if (passed.count > 1) passed.longest_gap = std::max(passed.longest_gap, time - last);
    last = time;
  }
  return passed;
}

TEST(FrameThinnerTest, GivesTheRateThatWasAskedFor) {
  for (const double fps : {12.5, 25.0, 30.0, 60.0}) {
    for (const double fps_max : {1.0, 4.0, 10.0}) {
      const Passed passed = thin(fps, fps_max, 0.002, 100);
      EXPECT_NEAR(passed.count, fps_max * 100, fps_max * 2) << fps << " to " << fps_max;
      EXPECT_LE(passed.longest_gap, 1 / fps_max + 1.2 / fps) << fps << " to " << fps_max;
    }
  }
}

TEST(FrameThinnerTest, ACameraBelowTheLimitLosesNothing) {
  EXPECT_EQ(thin(10, 10, 0.004, 100).count, 1000);
  EXPECT_EQ(thin(5, 10, 0.02, 100).count, 500);
}

TEST(FrameThinnerTest, WithoutALimitEverythingPasses) { EXPECT_EQ(thin(25, 0, 0, 10).count, 250); }

TEST(FrameThinnerTest, APauseIsNotMadeUpFor) {
  FrameThinner thinner(1);
  EXPECT_TRUE(thinner.passes(at(0)));
  EXPECT_TRUE(thinner.passes(at(60)));
  EXPECT_FALSE(thinner.passes(at(60.1)));
  EXPECT_FALSE(thinner.passes(at(60.3)));
}

TEST(RateWindowTest, TellsTheRateOfTheLastSeconds) {
  RateWindow window;
  for (int i = 0; i < 100; ++i) window.add(at(i * 0.04));  // 4 s at 25
  EXPECT_NEAR(window.per_second(at(4.0)), 25, 1.5);
  EXPECT_EQ(window.per_second(at(60)), 0);
}

TEST(RecentDurationsTest, QuantilesAreOfTheLastOnes) {
  RecentDurations recent;
  EXPECT_EQ(recent.quantile(0.5), Duration::zero());
  for (int i = 0; i < 1000; ++i) recent.add(milliseconds(1000));
  for (int i = 1; i <= 256; ++i) recent.add(milliseconds(i));
  EXPECT_EQ(duration_cast<milliseconds>(recent.quantile(0.5)).count(), 129);
  EXPECT_EQ(duration_cast<milliseconds>(recent.quantile(0.99)).count(), 254);
  EXPECT_EQ(duration_cast<milliseconds>(recent.quantile(1)).count(), 256);
}

}  // namespace
}  // namespace shoal
