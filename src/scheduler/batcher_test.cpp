// Goal: the batcher loses nothing, wakes the right lane, bounds its queue and ends cleanly. Method:
// direct cases, then threads that submit and lanes that pull (also run under ThreadSanitizer).
#include "scheduler/batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

namespace shoal {
namespace {

std::unique_ptr<Request> request(std::size_t bucket, std::uint64_t sequence = 0) {
  auto made = std::make_unique<Request>();
  made->bucket = bucket;
  made->sequence = sequence;
  return made;
}

Pushed submit(Batcher& batcher, std::size_t bucket, std::uint64_t sequence,
              Overflow overflow = Overflow::kReject) {
  auto made = request(bucket, sequence);
  return batcher.submit(made, overflow, Clock::now());
}

TEST(BatcherTest, AlternatingShapesStillFillTheirBatches) {
  Batcher batcher({.policy = {.batch_max = 4}, .bucket_count = 2});
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_EQ(submit(batcher, i % 2, i), Pushed::kAccepted);
  Batch batch;
  for (const std::size_t bucket : {0U, 1U}) {
    ASSERT_TRUE(batcher.next(batch));
    EXPECT_EQ(batch.bucket, bucket);
    EXPECT_EQ(batch.requests.size(), 4U);
    EXPECT_EQ(batch.reason, CloseReason::kFull);
    for (std::uint64_t k = 0; k < 4; ++k) {
      EXPECT_EQ(batch.requests[static_cast<std::size_t>(k)]->sequence, 2 * k + bucket);
    }
  }
}

TEST(BatcherTest, TheQueueLimitHoldsExactly) {
  Batcher batcher({.policy = {}, .bucket_count = 1, .queue_limit = 3});
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(submit(batcher, 0, i), Pushed::kAccepted);
  EXPECT_EQ(submit(batcher, 0, 3), Pushed::kRejected);
  EXPECT_EQ(batcher.abandon().size(), 3U);
  EXPECT_EQ(submit(batcher, 0, 4), Pushed::kClosed);
}

TEST(BatcherTest, OneSourceMayHoldItsShareOfTheQueueAndNoMore) {
  Batcher batcher({.policy = {}, .bucket_count = 1, .queue_limit = 8, .source_share = 0.5});
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(submit(batcher, 0, i), Pushed::kAccepted);
  EXPECT_EQ(submit(batcher, 0, 4), Pushed::kRejected);
  auto other = request(0, 5);
  other->source.id = 1;
  EXPECT_EQ(batcher.submit(other, Overflow::kReject, Clock::now()), Pushed::kAccepted);
  EXPECT_EQ(batcher.abandon().size(), 5U);
}

TEST(BatcherTest, CancelledAndExpiredRequestsNeverReachALaneAndAreToldApart) {
  Batcher batcher({.policy = {.batch_max = 4}, .bucket_count = 1});
  const std::atomic<bool> gone = true;
  const TimePoint now = Clock::now();
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto made = request(0, i);
    if (i == 0) made->cancelled = &gone;
    if (i == 1) made->deadline = now;
    ASSERT_EQ(batcher.submit(made, Overflow::kReject, now), Pushed::kAccepted);
  }
  Batch batch;
  ASSERT_TRUE(batcher.next(batch));
  ASSERT_EQ(batch.requests.size(), 1U);
  EXPECT_EQ(batch.requests[0]->sequence, 2U);
  ASSERT_EQ(batch.dropped.size(), 2U);
  for (const Dropped& dropped : batch.dropped) {
    EXPECT_EQ(dropped.reason, dropped.request->sequence == 0 ? DropReason::kCancelled
                                                             : DropReason::kExpired);
  }
}

TEST(BatcherTest, NextReturnsWhatWasDroppedEvenWhereNothingIsLeftToRun) {
  Batcher batcher({.policy = {}, .bucket_count = 1});
  const std::atomic<bool> gone = true;
  auto made = request(0);
  made->cancelled = &gone;
  ASSERT_EQ(batcher.submit(made, Overflow::kReject, Clock::now()), Pushed::kAccepted);
  Batch batch;
  ASSERT_TRUE(batcher.next(batch));
  EXPECT_TRUE(batch.requests.empty());
  EXPECT_EQ(batch.dropped.size(), 1U);
  batcher.close();
  EXPECT_FALSE(batcher.next(batch));
}

TEST(BatcherTest, TheCeilingHoldsUntilItIsRaised) {
  Batcher batcher({.policy = {.batch_max = 8}, .bucket_count = 1});
  batcher.limit_batch(0, 3);
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_EQ(submit(batcher, 0, i), Pushed::kAccepted);
  Batch batch;
  ASSERT_TRUE(batcher.next(batch));
  EXPECT_EQ(batch.requests.size(), 3U);
  EXPECT_EQ(batch.reason, CloseReason::kMemory);
  EXPECT_EQ(batch.batch_max, 3);
  batcher.limit_batch(0, 100);
  ASSERT_TRUE(batcher.next(batch));
  EXPECT_EQ(batch.requests.size(), 5U);
  EXPECT_EQ(batch.batch_max, 8);
}

TEST(BatcherTest, AdmissionRefusesByWhatIsQueuedAndLearned) {
  Batcher batcher({.policy = {.batch_max = 1}, .bucket_count = 1});
  auto asked = request(0);
  const TimePoint now = Clock::now();
  asked->deadline = now + std::chrono::milliseconds(25);
  EXPECT_TRUE(batcher.admit(*asked, now).accepted);
  batcher.learn(0, 1, std::chrono::milliseconds(10));
  EXPECT_TRUE(batcher.admit(*asked, now).accepted);
  for (std::uint64_t i = 0; i < 2; ++i) ASSERT_EQ(submit(batcher, 0, i), Pushed::kAccepted);
  const Admission refused = batcher.admit(*asked, now);
  EXPECT_FALSE(refused.accepted);
  EXPECT_EQ(refused.expected_wait, std::chrono::milliseconds(20));
  EXPECT_EQ(batcher.expected_wait(now), std::chrono::milliseconds(20));
  asked->source.id = 7;  // its turn comes sooner
  EXPECT_TRUE(batcher.admit(*asked, now).accepted);
  EXPECT_EQ(batcher.abandon().size(), 2U);
}

TEST(BatcherTest, CloseLaunchesWhatWaitsAndThenEnds) {
  Batcher batcher({.policy = {.batch_max = 8}, .bucket_count = 1});
  ASSERT_EQ(submit(batcher, 0, 0), Pushed::kAccepted);
  batcher.close();
  Batch batch;
  ASSERT_TRUE(batcher.next(batch));
  EXPECT_EQ(batch.reason, CloseReason::kFlush);
  EXPECT_FALSE(batcher.next(batch));
}

// Threads that submit and lanes that pull; counts who answers what.
class Traffic {
 public:
  static constexpr std::uint64_t kSubmitters = 3;
  static constexpr std::uint64_t kEach = 10'000;

  explicit Traffic(const BatcherOptions& options) : batcher_(options), seen_(kSubmitters * kEach) {
    for (int i = 0; i < options.lane_count; ++i) {
      lanes_.emplace_back([this] { serve(LaneKind::kRegular); });
    }
    if (options.bypass_lane) lanes_.emplace_back([this] { serve(LaneKind::kBypass); });
  }

  // `make` changes the request before it is submitted.
  template <typename Make>
  void submit_all(Make make) {
    std::vector<std::thread> submitters;
    for (std::uint64_t t = 0; t < kSubmitters; ++t) {
      submitters.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < kEach; ++i) {
          auto made = request(i % 3, t * kEach + i);
          made->source.id = t;
          make(*made);
          ASSERT_EQ(batcher_.submit(made, Overflow::kBlock, Clock::now()), Pushed::kAccepted);
        }
      });
    }
    for (auto& thread : submitters) thread.join();
    batcher_.close();
    for (auto& thread : lanes_) thread.join();
  }

  void expect_every_request_once(std::size_t batch_max) const {
    for (const auto& count : seen_) ASSERT_EQ(count, 1);
    EXPECT_LE(largest_, batch_max);
  }

  std::atomic<int> dropped = 0;
  std::atomic<int> bypassed = 0;

 private:
  void serve(LaneKind kind) {
    Batch batch;
    while (batcher_.next(batch, kind)) {
      std::size_t largest = largest_;
      while (batch.requests.size() > largest &&
             !largest_.compare_exchange_weak(largest, batch.requests.size())) {
      }
      for (const auto& taken : batch.requests) ++seen_[taken->sequence];
      for (const auto& gone : batch.dropped) ++seen_[gone.request->sequence];
      dropped += static_cast<int>(batch.dropped.size());
      if (batch.requests.empty()) continue;
      if (batch.reason == CloseReason::kBypass) ++bypassed;
      batcher_.learn(batch.bucket, static_cast<int>(batch.requests.size()),
                     std::chrono::microseconds(10), kind);
    }
  }

  Batcher batcher_;
  std::vector<std::atomic<int>> seen_;
  std::atomic<std::size_t> largest_ = 0;
  std::vector<std::thread> lanes_;
};

TEST(BatcherTest, ManySubmittersAndLanesAnswerEveryRequestOnce) {
  Traffic traffic({.policy = {.batch_max = 8}, .bucket_count = 3, .lane_count = 2,
                   .queue_limit = 32});
  traffic.submit_all([](Request&) {});
  traffic.expect_every_request_once(8);
}

TEST(BatcherTest, EveryRequestOnceWithABypassLaneRealtimeCancellationsAndDeadlines) {
  Traffic traffic({.policy = {.batch_max = 4}, .bucket_count = 3, .lane_count = 2,
                   .bypass_lane = true, .queue_limit = 32, .source_share = 0.5});
  const std::atomic<bool> gone = true;
  traffic.submit_all([&](Request& made) {
    if (made.sequence % 5 == 0) made.priority = Priority::kRealtime;
    if (made.sequence % 7 == 0) made.cancelled = &gone;
    if (made.sequence % 11 == 0) made.deadline = Clock::now() + std::chrono::microseconds(50);
  });
  traffic.expect_every_request_once(4);
  EXPECT_GT(traffic.dropped, 0);
  EXPECT_GT(traffic.bypassed, 0);
}

TEST(BatcherTest, ALoneRequestGoesToTheBypassLaneAndEachKindOfLaneWakesForItsOwn) {
  Batcher batcher({.policy = {.batch_max = 4}, .bucket_count = 1, .lane_count = 1,
                   .bypass_lane = true});
  std::atomic<int> by_bypass = 0;
  std::atomic<int> by_regular = 0;
  const auto serve = [&](LaneKind kind, std::atomic<int>& count) {
    Batch batch;
    while (batcher.next(batch, kind)) count += static_cast<int>(batch.requests.size());
  };
  std::thread regular(serve, LaneKind::kRegular, std::ref(by_regular));
  std::thread bypass(serve, LaneKind::kBypass, std::ref(by_bypass));
  const auto all_answered = [&](int count) {
    while (by_bypass + by_regular < count) std::this_thread::yield();
  };
  for (int i = 1; i <= 200; ++i) {
    ASSERT_EQ(submit(batcher, 0, 0), Pushed::kAccepted);
    all_answered(i);
  }
  EXPECT_GT(by_bypass, 0);
  batcher.close();
  regular.join();
  bypass.join();
  EXPECT_EQ(by_bypass + by_regular, 200);
}

}  // namespace
}  // namespace shoal
