// Goal: every rule of decide() and admit(), one claim a test. Method: tables; no threads, no clock.
#include "scheduler/policy.h"

#include <gtest/gtest.h>

#include <array>

#include "scheduler/admission.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

using RunTable = std::array<Duration, 8>;

const TimePoint kStart{std::chrono::hours(1)};
const Policy kPolicy{.batch_max = 8, .queue_delay = milliseconds(10)};

// Of 8 pictures twice that of one: a full batch is four times cheaper a picture.
constexpr RunTable kGaining{milliseconds(8),  milliseconds(9),  milliseconds(10), milliseconds(11),
                            milliseconds(12), milliseconds(13), milliseconds(15), milliseconds(16)};
constexpr RunTable kLinear{milliseconds(10), milliseconds(20), milliseconds(30), milliseconds(40),
                           milliseconds(50), milliseconds(60), milliseconds(70), milliseconds(80)};
// Cheaper up to 4 pictures, then no more.
constexpr RunTable kSaturating{milliseconds(20), milliseconds(22), milliseconds(24),
                               milliseconds(26), milliseconds(33), milliseconds(39),
                               milliseconds(46), milliseconds(52)};

BucketView waiting(std::size_t bucket, int count, Duration age = {}) {
  BucketView view;
  view.bucket = bucket;
  view.batch_max = kPolicy.batch_max;
  view.waiting = count;
  view.oldest = view.turn = kStart - age;
  return view;
}

BucketView with(const RunTable& run_times, BucketView view, int known_max = 8) {
  view.run_times = run_times;
  view.known_max = known_max;
  return view;
}

BucketView gaining(std::size_t bucket, int count, Duration age = {}) {
  return with(kGaining, waiting(bucket, count, age), 0);
}

Decision decide_one(const BucketView& bucket, QueueView view = {}) {
  const std::array buckets{bucket};
  view.buckets = buckets;
  return decide(kPolicy, view, kStart);
}

Launch launched(const BucketView& bucket, QueueView view = {}) {
  return std::get<Launch>(decide_one(bucket, view));
}

QueueView lanes(int idle, int count) {
  QueueView view;
  view.idle_lanes = idle;
  view.lane_count = count;
  return view;
}

TEST(PolicyTest, AnEmptyQueueIsIdle) {
  EXPECT_TRUE(std::holds_alternative<Idle>(decide_one(waiting(0, 0))));
}

TEST(PolicyTest, AFullBatchLaunchesAtOnce) {
  const Launch launch = launched(gaining(0, 9));
  EXPECT_EQ(launch.count, 8);
  EXPECT_EQ(launch.reason, CloseReason::kFull);
}

TEST(PolicyTest, ALoneRequestDoesNotWaitWhereNothingIsLearned) {
  const Launch launch = launched(waiting(0, 1));
  EXPECT_EQ(launch.count, 1);
  EXPECT_EQ(launch.reason, CloseReason::kIdle);
}

TEST(PolicyTest, DoesNotWaitWhereAFullerBatchIsNoCheaper) {
  EXPECT_EQ(launched(with(kLinear, waiting(0, 2))).reason, CloseReason::kIdle);
}

TEST(PolicyTest, WaitsForAFullerBatchThatPaysButNotBeyondTheDelay) {
  const Decision young = decide_one(gaining(0, 2, milliseconds(4)));
  EXPECT_EQ(std::get<WaitUntil>(young).time, kStart + milliseconds(6));
  EXPECT_EQ(launched(gaining(0, 2, milliseconds(10))).reason, CloseReason::kDelay);
}

TEST(PolicyTest, ClosesEarlyWhereTheEarliestDeadlineWouldMiss) {
  BucketView urgent = gaining(0, 2);
  urgent.earliest_deadline = kStart + milliseconds(16);
  EXPECT_EQ(launched(urgent).reason, CloseReason::kDeadline);
  urgent.earliest_deadline = kStart + milliseconds(20);
  EXPECT_EQ(std::get<WaitUntil>(decide_one(urgent)).time, kStart + milliseconds(4));
}

TEST(PolicyTest, FlushLaunchesWhatWaits) {
  QueueView flushing;
  flushing.flushing = true;
  EXPECT_EQ(launched(gaining(0, 2), flushing).reason, CloseReason::kFlush);
}

TEST(PolicyTest, AllLanesShareTheQueueWhereFullBatchesAreNotKnownToBeCheaper) {
  EXPECT_EQ(launched(waiting(0, 8), lanes(1, 2)).count, 4);
  EXPECT_EQ(launched(waiting(0, 8), lanes(1, 2)).reason, CloseReason::kIdle);
  EXPECT_EQ(launched(waiting(0, 3), lanes(1, 2)).count, 2);
  EXPECT_EQ(launched(waiting(0, 40), lanes(1, 2)).count, 8);
}

TEST(PolicyTest, OnlyIdleLanesShareTheQueueWhereFullBatchesAreCheaper) {
  EXPECT_EQ(launched(gaining(0, 9), lanes(1, 2)).count, 8);
  EXPECT_EQ(launched(gaining(0, 9), lanes(2, 2)).count, 5);
}

TEST(PolicyTest, OfBatchesThatCostAPictureTheSameTheSmallerOneGoes) {
  EXPECT_EQ(launched(with(kLinear, waiting(0, 40))).count, 1);
  EXPECT_EQ(launched(with(kSaturating, waiting(0, 40))).count, 4);
  EXPECT_EQ(launched(with(kGaining, waiting(0, 40))).count, 8);
}

TEST(PolicyTest, BatchesAreAsLargeAsTheQueueAllowsWhereNoLossIsTolerated) {
  const std::array buckets{with(kLinear, waiting(0, 40))};
  Policy measuring = kPolicy;
  measuring.tolerated_loss = -1;
  EXPECT_EQ(std::get<Launch>(decide(measuring, {.buckets = buckets}, kStart)).count, 8);
}

TEST(PolicyTest, LargerBatchesAreTriedInStepsAsLongAsTheyPay) {
  EXPECT_EQ(launched(with(kLinear, waiting(0, 8), 0)).count, 8);
  EXPECT_EQ(launched(with(kLinear, waiting(0, 8), 1)).count, 2);
  EXPECT_EQ(launched(with(kLinear, waiting(0, 8), 2)).count, 1);
  EXPECT_EQ(launched(with(kGaining, waiting(0, 8), 2)).count, 4);
  EXPECT_EQ(launched(with(kGaining, waiting(0, 8), 5)).count, 8);
  QueueView exploring;
  exploring.exploring = true;
  EXPECT_EQ(launched(with(kLinear, waiting(0, 8), 2), exploring).count, 8);
}

TEST(PolicyTest, ABatchIsCutToMeetADeadlineWhereThatCostsLittle) {
  QueueView exploring;
  exploring.exploring = true;
  BucketView urgent = with(kLinear, waiting(0, 8));
  urgent.earliest_deadline = kStart + milliseconds(35);
  EXPECT_EQ(launched(urgent, exploring).count, 3);
  urgent.earliest_deadline = kStart + milliseconds(5);  // too late anyway
  EXPECT_EQ(launched(urgent, exploring).count, 8);
  BucketView gains = with(kGaining, waiting(0, 8));
  gains.earliest_deadline = kStart + milliseconds(10);
  EXPECT_EQ(launched(gains, exploring).count, 8);
}

TEST(PolicyTest, TheCeilingOfMemoryClosesABatchAndSaysSo) {
  BucketView limited = gaining(0, 5);
  limited.batch_max = 4;
  EXPECT_EQ(launched(limited).count, 4);
  EXPECT_EQ(launched(limited).reason, CloseReason::kMemory);
  limited.waiting = 3;
  EXPECT_TRUE(std::holds_alternative<WaitUntil>(decide_one(limited)));
}

TEST(PolicyTest, TheBucketWhoseTurnItIsGoesFirst) {
  const std::array buckets{waiting(0, 8, milliseconds(2)), waiting(1, 1, milliseconds(5))};
  EXPECT_EQ(std::get<Launch>(decide(kPolicy, {.buckets = buckets}, kStart)).bucket, 1U);
}

TEST(PolicyTest, ABucketThatWaitsDoesNotHoldUpAnother) {
  const std::array buckets{gaining(0, 2, milliseconds(5)), gaining(1, 8, milliseconds(1))};
  EXPECT_EQ(std::get<Launch>(decide(kPolicy, {.buckets = buckets}, kStart)).bucket, 1U);
}

// --- realtime requests and the bypass lane

BucketView realtime(std::size_t bucket, int count, int others = 0) {
  BucketView view = waiting(bucket, others);
  view.realtime = count;
  view.realtime_turn = kStart;
  return view;
}

QueueView bypass_asks(int idle, int count) {
  QueueView view = lanes(idle, count);
  view.asking = LaneKind::kBypass;
  view.bypass_idle = true;
  return view;
}

TEST(PolicyTest, TheBypassLaneTakesRealtimeRequestsAloneHoweverManyOthersWait) {
  const Launch launch = launched(realtime(0, 3, 40), bypass_asks(0, 2));
  EXPECT_EQ(launch.count, 1);
  EXPECT_EQ(launch.reason, CloseReason::kBypass);
}

TEST(PolicyTest, TheBypassLaneTakesALoneRequestWhileAllOthersAreIdleAndNothingElse) {
  EXPECT_EQ(launched(gaining(0, 1), bypass_asks(2, 2)).count, 1);
  EXPECT_EQ(launched(gaining(0, 1), bypass_asks(2, 2)).reason, CloseReason::kIdle);
  EXPECT_TRUE(std::holds_alternative<Idle>(decide_one(gaining(0, 1), bypass_asks(1, 2))));
  EXPECT_TRUE(std::holds_alternative<Idle>(decide_one(gaining(0, 2), bypass_asks(2, 2))));
}

TEST(PolicyTest, ARegularLaneLeavesTheIdleBypassLaneWhatIsIts) {
  QueueView view = lanes(2, 2);
  view.bypass_idle = true;
  EXPECT_TRUE(std::holds_alternative<Idle>(decide_one(waiting(0, 1), view)));
  EXPECT_TRUE(std::holds_alternative<Idle>(decide_one(realtime(0, 2), view)));
  EXPECT_EQ(launched(waiting(0, 2), view).count, 1);
  view.idle_lanes = 1;
  EXPECT_EQ(launched(waiting(0, 1), view).count, 1);
}

TEST(PolicyTest, WithoutAnIdleBypassLaneRealtimeGoesFirstAndAlone) {
  BucketView both = realtime(0, 2, 8);
  both.turn = kStart - milliseconds(500);
  const Launch launch = launched(both);
  EXPECT_EQ(launch.count, 1);
  EXPECT_EQ(launch.reason, CloseReason::kBypass);
}

TEST(PolicyTest, RealtimeDoesNotStarveOthersThatAreDue) {
  QueueView again;
  again.realtime_before = true;
  BucketView due = realtime(0, 2, 8);
  EXPECT_EQ(launched(due, again).reason, CloseReason::kFull);
  due.turn = kStart + milliseconds(1);
  EXPECT_EQ(launched(due, again).reason, CloseReason::kBypass);
}

TEST(PolicyTest, ARealtimeRequestDoesNotWaitForOthersThatWaitForMore) {
  QueueView again;
  again.realtime_before = true;
  BucketView due = gaining(0, 2);
  due.realtime = 1;
  EXPECT_EQ(launched(due, again).reason, CloseReason::kBypass);
}

// --- admission

TEST(AdmissionTest, RefusesWhatCannotBeInTimeAndSaysHowLongTheWaitIs) {
  AdmissionView view{.expected_wait = milliseconds(30), .run_time = milliseconds(20)};
  EXPECT_TRUE(admit(view, kStart + milliseconds(50), kStart).accepted);
  const Admission refused = admit(view, kStart + milliseconds(49), kStart);
  EXPECT_FALSE(refused.accepted);
  EXPECT_EQ(refused.expected_wait, Duration(milliseconds(30)));
  EXPECT_TRUE(admit(view, std::nullopt, kStart).accepted);
  view.margin = 0.1;
  EXPECT_FALSE(admit(view, kStart + milliseconds(52), kStart).accepted);
  EXPECT_TRUE(admit(view, kStart + milliseconds(53), kStart).accepted);
}

TEST(AdmissionTest, WhereTheWaitAloneIsBoundedTheRunMayTakeWhatItTakes) {
  const AdmissionView view{.expected_wait = milliseconds(30), .run_time = milliseconds(500)};
  EXPECT_TRUE(admit(view, std::nullopt, kStart, kStart + milliseconds(30)).accepted);
  EXPECT_FALSE(admit(view, std::nullopt, kStart, kStart + milliseconds(29)).accepted);
}

TEST(AdmissionTest, TheReasonIsTheNetworkWhereItAloneTakesLongerThanTheDeadline) {
  const TimePoint deadline = kStart + milliseconds(200);
  const AdmissionView slow{.expected_wait = {}, .run_time = milliseconds(450)};
  EXPECT_EQ(why_refused(admit(slow, deadline, kStart), deadline, milliseconds(200)),
            "the network alone takes about 450 ms, longer than your deadline: 200 ms are left");
  const AdmissionView busy{.expected_wait = milliseconds(200),
                           .margin = 0.15,
                           .run_time = milliseconds(50)};
  EXPECT_EQ(why_refused(admit(busy, deadline, kStart), deadline, milliseconds(200)),
            "would wait up to 230 ms for its turn and 50 ms for the network, and 200 ms are left; "
            "try again later");
  EXPECT_EQ(why_refused(admit(busy, std::nullopt, kStart, deadline), std::nullopt,
                        milliseconds(200)),
            "would wait up to 230 ms for its turn, and 200 ms are left; try again later");
}

TEST(AdmissionTest, RefusesADeadlineThatHasPassedEvenWhereNothingIsLearned) {
  EXPECT_FALSE(admit({}, kStart, kStart).accepted);
  EXPECT_TRUE(admit({}, kStart + Duration(1), kStart).accepted);
}

TEST(AdmissionTest, LetsOneThroughToLearnWhereTimesAreOldAndALaneIsIdle) {
  const AdmissionView view{.expected_wait = {}, .run_time = milliseconds(20), .probing = true};
  EXPECT_TRUE(admit(view, kStart + milliseconds(5), kStart).accepted);
}

}  // namespace
}  // namespace shoal
