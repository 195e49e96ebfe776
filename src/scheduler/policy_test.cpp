// Goal: every rule of decide() and RunTimes, one claim a test. Method: tables; no threads, no
// clock.
#include "scheduler/policy.h"

#include <gtest/gtest.h>

#include <array>

#include "scheduler/run_times.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

const TimePoint kStart{std::chrono::hours(1)};
const Policy kPolicy{.batch_max = 8, .queue_delay = milliseconds(10)};

BucketView waiting(std::size_t bucket, int count, Duration age = {}) {
  return {.bucket = bucket, .waiting = count, .oldest = kStart - age, .earliest_deadline = {},
          .run_time_one = {}, .run_time_now = {}, .run_time_full = {}};
}

// A bucket in which a full batch is four times cheaper a picture.
BucketView gaining(std::size_t bucket, int count, Duration age = {}) {
  BucketView view = waiting(bucket, count, age);
  view.run_time_one = view.run_time_now = milliseconds(8);
  view.run_time_full = milliseconds(16);
  return view;
}

Decision decide_one(const BucketView& bucket, int idle_lanes = 1, int lane_count = 1,
                    bool flushing = false) {
  const std::array buckets{bucket};
  return decide(kPolicy,
                {.buckets = buckets, .idle_lanes = idle_lanes, .lane_count = lane_count,
                 .flushing = flushing},
                kStart);
}

TEST(PolicyTest, AnEmptyQueueIsIdle) {
  EXPECT_TRUE(std::holds_alternative<Idle>(decide_one(waiting(0, 0))));
}

TEST(PolicyTest, AFullBatchLaunchesAtOnce) {
  const auto launch = std::get<Launch>(decide_one(gaining(0, 9)));
  EXPECT_EQ(launch.count, 8);
  EXPECT_EQ(launch.reason, CloseReason::kFull);
}

TEST(PolicyTest, ALoneRequestDoesNotWaitWhereNothingIsLearned) {
  const auto launch = std::get<Launch>(decide_one(waiting(0, 1)));
  EXPECT_EQ(launch.count, 1);
  EXPECT_EQ(launch.reason, CloseReason::kIdle);
}

TEST(PolicyTest, DoesNotWaitWhereAFullerBatchIsNoCheaper) {
  BucketView linear = waiting(0, 2);
  linear.run_time_now = milliseconds(20);
  linear.run_time_full = milliseconds(80);
  EXPECT_EQ(std::get<Launch>(decide_one(linear)).reason, CloseReason::kIdle);
}

TEST(PolicyTest, WaitsForAFullerBatchThatPaysButNotBeyondTheDelay) {
  const Decision young = decide_one(gaining(0, 2, milliseconds(4)));
  EXPECT_EQ(std::get<WaitUntil>(young).time, kStart + milliseconds(6));
  const auto old = std::get<Launch>(decide_one(gaining(0, 2, milliseconds(10))));
  EXPECT_EQ(old.reason, CloseReason::kDelay);
}

TEST(PolicyTest, ClosesEarlyWhereTheEarliestDeadlineWouldMiss) {
  BucketView urgent = gaining(0, 2);
  urgent.earliest_deadline = kStart + milliseconds(16);
  EXPECT_EQ(std::get<Launch>(decide_one(urgent)).reason, CloseReason::kDeadline);
  urgent.earliest_deadline = kStart + milliseconds(20);
  EXPECT_EQ(std::get<WaitUntil>(decide_one(urgent)).time, kStart + milliseconds(4));
}

TEST(PolicyTest, FlushLaunchesWhatWaits) {
  EXPECT_EQ(std::get<Launch>(decide_one(gaining(0, 2), 1, 1, true)).reason, CloseReason::kFlush);
}

TEST(PolicyTest, AllLanesShareTheQueueWhereFullBatchesAreNoCheaper) {
  EXPECT_EQ(std::get<Launch>(decide_one(waiting(0, 8), 1, 2)).count, 4);
  EXPECT_EQ(std::get<Launch>(decide_one(waiting(0, 8), 1, 2)).reason, CloseReason::kIdle);
  EXPECT_EQ(std::get<Launch>(decide_one(waiting(0, 3), 1, 2)).count, 2);
  EXPECT_EQ(std::get<Launch>(decide_one(waiting(0, 40), 1, 2)).count, 8);
}

TEST(PolicyTest, OnlyIdleLanesShareTheQueueWhereFullBatchesAreCheaper) {
  EXPECT_EQ(std::get<Launch>(decide_one(gaining(0, 9), 1, 2)).count, 8);
  EXPECT_EQ(std::get<Launch>(decide_one(gaining(0, 9), 2, 2)).count, 5);
}

TEST(PolicyTest, TheBucketWithTheOldestPictureGoesFirst) {
  const std::array buckets{waiting(0, 8, milliseconds(2)), waiting(1, 1, milliseconds(5))};
  const auto launch = std::get<Launch>(decide(kPolicy, {.buckets = buckets}, kStart));
  EXPECT_EQ(launch.bucket, 1U);
}

TEST(PolicyTest, ABucketThatWaitsDoesNotHoldUpAnother) {
  const std::array buckets{gaining(0, 2, milliseconds(5)), gaining(1, 8, milliseconds(1))};
  EXPECT_EQ(std::get<Launch>(decide(kPolicy, {.buckets = buckets}, kStart)).bucket, 1U);
}

TEST(RunTimesTest, NothingIsKnownBeforeTheFirstBatch) {
  EXPECT_EQ(RunTimes(2, 8).estimate(0, 4), std::nullopt);
}

TEST(RunTimesTest, InterpolatesBetweenSeenSizesOfTheSameBucket) {
  RunTimes times(2, 8);
  times.learn(0, 1, milliseconds(10));
  times.learn(0, 5, milliseconds(30));
  EXPECT_EQ(times.estimate(0, 3), Duration(milliseconds(20)));
  EXPECT_EQ(times.estimate(0, 8), Duration(milliseconds(48)));
  EXPECT_EQ(times.estimate(1, 3), std::nullopt);
}

TEST(RunTimesTest, FollowsAChangeOfSpeed) {
  RunTimes times(1, 4);
  times.learn(0, 2, milliseconds(10));
  for (int i = 0; i < 60; ++i) times.learn(0, 2, milliseconds(20));
  EXPECT_NEAR(to_milliseconds(*times.estimate(0, 2)), 20, 0.1);
}

}  // namespace
}  // namespace shoal
