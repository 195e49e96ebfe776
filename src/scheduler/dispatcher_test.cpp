// Goal: the state machine allocates nothing once it has grown, wakes whom its decisions concern and
// sees who is ahead when it estimates a wait. Method: direct cases; operator new is counted.
#include "scheduler/dispatcher.h"

#include <gtest/gtest.h>

#include "core/counted_allocations.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{std::chrono::hours(1)};

std::unique_ptr<Request> request(std::uint64_t source, Priority priority = Priority::kNormal,
                                 std::size_t bucket = 0) {
  auto made = std::make_unique<Request>();
  made->source.id = source;
  made->priority = priority;
  made->bucket = bucket;
  return made;
}

// Submits; the request must be accepted.
void submit(Dispatcher& dispatcher, std::unique_ptr<Request> made, TimePoint now = kStart) {
  ASSERT_EQ(dispatcher.submit(made, now), Pushed::kAccepted);
}

void drain(Dispatcher& dispatcher) {
  while (dispatcher.take_any()) {
  }
}

TEST(DispatcherTest, AllocatesNothingOnceItsVectorsHaveGrown) {
  Dispatcher dispatcher({.policy = {.batch_max = 8}, .bucket_count = 3, .lane_count = 1,
                         .queue_limit = 128});
  dispatcher.idle(LaneKind::kRegular);
  std::vector<std::unique_ptr<Request>> free;
  free.reserve(128);
  for (int i = 0; i < 128; ++i) free.push_back(std::make_unique<Request>());
  Batch batch;
  const std::atomic<bool> gone = true;
  TimePoint now = kStart;
  const auto run = [&](int rounds) {
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(rounds); ++i) {
      now += milliseconds(1);
      while (!free.empty()) {
        auto made = std::move(free.back());
        free.pop_back();
        made->source.id = (i * 131 + free.size() * 7) % 97;
        made->priority = static_cast<Priority>((i + free.size()) % 4);
        made->bucket = free.size() % 3;
        made->deadline = now + milliseconds(1 + free.size() % 40);
        made->cancelled = free.size() % 9 == 0 ? &gone : nullptr;
        if (dispatcher.submit(made, now) != Pushed::kAccepted) std::abort();
      }
      (void)dispatcher.ask(batch, LaneKind::kRegular, now);
      const int count = static_cast<int>(batch.requests.size());
      if (count > 0) {
        dispatcher.learn(batch.bucket, count, milliseconds(2 + count), LaneKind::kRegular, now);
      }
      for (auto& one : batch.requests) free.push_back(std::move(one));
      for (auto& one : batch.dropped) free.push_back(std::move(one.request));
      batch.requests.clear();
      batch.dropped.clear();
    }
  };
  run(500);
  const std::size_t before = counted_allocations();
  run(5000);
  EXPECT_EQ(counted_allocations() - before, 0U);
  drain(dispatcher);
}

TEST(DispatcherTest, WakesTheBypassLaneForWhatIsItsAndRegularLanesForTheRest) {
  Dispatcher dispatcher({.policy = {}, .bucket_count = 1, .lane_count = 1, .bypass_lane = true});
  dispatcher.idle(LaneKind::kRegular);
  dispatcher.idle(LaneKind::kBypass);
  const auto wakes = [&] { return std::pair(dispatcher.wake().regular, dispatcher.wake().bypass); };
  EXPECT_EQ(wakes(), std::pair(false, false));
  submit(dispatcher, request(1));
  EXPECT_EQ(wakes(), std::pair(false, true));  // alone
  submit(dispatcher, request(2));
  EXPECT_EQ(wakes(), std::pair(true, false));
  submit(dispatcher, request(3, Priority::kRealtime));
  EXPECT_EQ(wakes(), std::pair(true, true));
  dispatcher.busy(LaneKind::kBypass);
  EXPECT_EQ(wakes(), std::pair(true, false));
  drain(dispatcher);
}

TEST(DispatcherTest, AFloodDoesNotMakeOthersBeRefused) {
  Dispatcher dispatcher({.policy = {.batch_max = 1}, .bucket_count = 2, .lane_count = 1});
  dispatcher.learn(0, 1, milliseconds(10), LaneKind::kRegular, kStart);
  dispatcher.learn(1, 1, milliseconds(10), LaneKind::kRegular, kStart);
  for (int i = 0; i < 100; ++i) submit(dispatcher, request(1, Priority::kNormal, i % 2));
  auto flooding = request(1);
  auto other = request(2);
  flooding->deadline = other->deadline = kStart + milliseconds(50);
  EXPECT_FALSE(dispatcher.admit(*flooding, kStart).accepted);
  EXPECT_TRUE(dispatcher.admit(*other, kStart).accepted);
  EXPECT_EQ(dispatcher.expected_wait(kStart), Duration(seconds(1)));
  drain(dispatcher);
}

// A lane that needs 12 ms for each where 10 are reported, beside arrivals that never end.
TEST(DispatcherTest, WaitsThatWereLongerThanForeseenCountForThoseToCome) {
  Dispatcher dispatcher({.policy = {.batch_max = 1}, .bucket_count = 1, .lane_count = 1});
  dispatcher.learn(0, 1, milliseconds(10), LaneKind::kRegular, kStart);
  Batch batch;
  TimePoint now = kStart;
  // What has been seen counts where lanes were busy for as long as the request would wait at most.
  const auto made = [&now] {
    auto one = request(1);
    one->start_by = now + seconds(1);
    return one;
  };
  for (int i = 0; i < 20; ++i) submit(dispatcher, made(), now);
  EXPECT_EQ(dispatcher.admit(*made(), now).expected_wait, Duration(milliseconds(200)));
  for (int i = 0; i < 200; ++i) {
    dispatcher.idle(LaneKind::kRegular);
    batch.requests.clear();
    (void)dispatcher.ask(batch, LaneKind::kRegular, now);
    ASSERT_EQ(batch.requests.size(), 1U);
    dispatcher.busy(LaneKind::kRegular);
    submit(dispatcher, made(), now);
    now += milliseconds(12);
  }
  const double wait = to_milliseconds(dispatcher.admit(*made(), now).expected_wait);
  EXPECT_NEAR(wait, 240, 12);
  drain(dispatcher);
}

TEST(DispatcherTest, ThoseWhoCannotBeBegunInTimeHearOfItWhenLanesTurnOutToBeSlower) {
  Dispatcher dispatcher({.policy = {.batch_max = 1}, .bucket_count = 1, .lane_count = 1});
  TimePoint now = kStart;
  for (int i = 0; i < 4; ++i) dispatcher.learn(0, 1, milliseconds(10), LaneKind::kRegular, now);
  for (int i = 0; i < 80; ++i) {
    auto made = request(1);
    made->start_by = now + seconds(1);
    ASSERT_TRUE(dispatcher.admit(*made, now).accepted);
    submit(dispatcher, std::move(made), now);
  }
  for (int i = 0; i < 20; ++i) dispatcher.learn(0, 1, milliseconds(40), LaneKind::kRegular, now);
  dispatcher.idle(LaneKind::kRegular);
  Batch batch;
  now += milliseconds(30);
  std::size_t hopeless = 0;
  do {
    batch = {};
    (void)dispatcher.ask(batch, LaneKind::kRegular, now);
    for (const Dropped& one : batch.dropped) {
      EXPECT_EQ(one.reason, DropReason::kHopeless);
      ++hopeless;
    }
  } while (batch.requests.empty());
  // 970 ms are left, for 24 of them; a quarter less time each is not certain, which leaves 33.
  EXPECT_EQ(hopeless, 80U - 33U);
  EXPECT_EQ(dispatcher.waiting(), 32U);
  drain(dispatcher);
}

TEST(DispatcherTest, ManyAreDroppedALimitedNumberAtATime) {
  Dispatcher dispatcher({.policy = {.batch_max = 1}, .bucket_count = 1, .lane_count = 1});
  for (int i = 0; i < 200; ++i) {
    auto made = request(1);
    made->deadline = kStart + milliseconds(5);
    submit(dispatcher, std::move(made));
  }
  submit(dispatcher, request(2));
  dispatcher.idle(LaneKind::kRegular);
  std::size_t expired = 0;
  for (;;) {
    Batch batch;
    (void)dispatcher.ask(batch, LaneKind::kRegular, kStart + milliseconds(5));
    EXPECT_LE(batch.dropped.size(), kDroppedAtOnce);
    expired += batch.dropped.size();
    if (batch.requests.empty()) continue;
    EXPECT_EQ(batch.requests.front()->source.id, 2U);
    break;
  }
  EXPECT_EQ(expired, 200U);
}

TEST(DispatcherTest, WhoJoinsABatchDoesNotWaitForIt) {
  Dispatcher dispatcher({.policy = {.batch_max = 8}, .bucket_count = 1, .lane_count = 1});
  for (int i = 0; i < 3; ++i) {
    for (int size = 1; size <= 8; ++size) {
      dispatcher.learn(0, size, milliseconds(10), LaneKind::kRegular, kStart);
    }
  }
  for (int i = 0; i < 5; ++i) submit(dispatcher, request(1));
  EXPECT_EQ(dispatcher.admit(*request(1), kStart).expected_wait, Duration::zero());
  for (int i = 0; i < 5; ++i) submit(dispatcher, request(1));
  EXPECT_EQ(dispatcher.admit(*request(1), kStart).expected_wait, Duration(milliseconds(10)));
  drain(dispatcher);
}

TEST(DispatcherTest, OldRunTimesDoNotRefuseForEver) {
  Dispatcher dispatcher({.policy = {}, .bucket_count = 1, .lane_count = 1});
  dispatcher.idle(LaneKind::kRegular);
  dispatcher.learn(0, 1, seconds(5), LaneKind::kRegular, kStart);
  auto asked = request(1);
  asked->deadline = kStart + milliseconds(500);
  EXPECT_FALSE(dispatcher.admit(*asked, kStart).accepted);
  asked->deadline = kStart + milliseconds(2500);
  EXPECT_TRUE(dispatcher.admit(*asked, kStart + seconds(2)).accepted);
}

TEST(DispatcherTest, RealtimeAlternatesWithOthersThatAreDueOnASingleLane) {
  Dispatcher dispatcher({.policy = {.batch_max = 2}, .bucket_count = 1, .lane_count = 1});
  dispatcher.idle(LaneKind::kRegular);
  for (int i = 0; i < 4; ++i) submit(dispatcher, request(1));
  for (int i = 0; i < 4; ++i) submit(dispatcher, request(2, Priority::kRealtime));
  Batch batch;
  std::vector<CloseReason> reasons;
  for (int i = 0; i < 4; ++i) {
    (void)dispatcher.ask(batch, LaneKind::kRegular, kStart + seconds(1));
    reasons.push_back(batch.reason);
    batch.requests.clear();
  }
  // After its turn the other source is no longer due; while it is, the two alternate.
  EXPECT_EQ(reasons[0], CloseReason::kBypass);
  EXPECT_EQ(reasons[1], CloseReason::kFull);
  EXPECT_EQ(reasons[2], CloseReason::kBypass);
  EXPECT_EQ(reasons[3], CloseReason::kBypass);
  drain(dispatcher);
}

TEST(DispatcherTest, WhatBelongsTogetherGoesTogetherUpToTheLargestBatch) {
  Dispatcher dispatcher({.policy = {.batch_max = 4}, .bucket_count = 1, .lane_count = 2});
  dispatcher.idle(LaneKind::kRegular);
  dispatcher.idle(LaneKind::kRegular);
  // A picture costs the same in any batch, so that lanes would take them one by one.
  for (int size = 1; size <= 4; ++size) {
    for (int i = 0; i < 10; ++i) {
      dispatcher.learn(0, size, milliseconds(10 * size), LaneKind::kRegular, kStart);
    }
  }
  for (std::uint64_t source = 1; source <= 6; ++source) {
    auto made = request(source);
    made->group = 7;
    submit(dispatcher, std::move(made));
  }
  submit(dispatcher, request(9));
  Batch batch;
  ASSERT_TRUE(std::holds_alternative<Launch>(dispatcher.ask(batch, LaneKind::kRegular, kStart)));
  EXPECT_EQ(batch.requests.size(), 4U);
  batch.requests.clear();
  ASSERT_TRUE(std::holds_alternative<Launch>(dispatcher.ask(batch, LaneKind::kRegular, kStart)));
  EXPECT_EQ(batch.requests.size(), 2U) << "not the one that does not belong to them";
  batch.requests.clear();
  drain(dispatcher);
}

}  // namespace
}  // namespace shoal
