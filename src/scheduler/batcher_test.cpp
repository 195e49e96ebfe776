// Goal: the batcher loses nothing, bounds its queue and ends cleanly. Method: direct cases, then
// threads that submit and lanes that pull (also run under ThreadSanitizer).
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

TEST(BatcherTest, CloseLaunchesWhatWaitsAndThenEnds) {
  Batcher batcher({.policy = {.batch_max = 8}, .bucket_count = 1});
  ASSERT_EQ(submit(batcher, 0, 0), Pushed::kAccepted);
  batcher.close();
  Batch batch;
  ASSERT_TRUE(batcher.next(batch));
  EXPECT_EQ(batch.reason, CloseReason::kFlush);
  EXPECT_FALSE(batcher.next(batch));
}

TEST(BatcherTest, ManySubmittersAndLanesAnswerEveryRequestOnce) {
  constexpr std::uint64_t kThreads = 3;
  constexpr std::uint64_t kEach = 10'000;
  Batcher batcher({.policy = {.batch_max = 8}, .bucket_count = 3, .queue_limit = 32});
  std::vector<std::atomic<int>> seen(kThreads * kEach);
  std::atomic<std::size_t> largest = 0;
  std::vector<std::thread> lanes;
  for (int i = 0; i < 2; ++i) {
    lanes.emplace_back([&] {
      Batch batch;
      while (batcher.next(batch)) {
        if (batch.requests.size() > largest) largest = batch.requests.size();
        for (const auto& taken : batch.requests) ++seen[taken->sequence];
        batcher.learn(batch.bucket, static_cast<int>(batch.requests.size()),
                      std::chrono::microseconds(10));
      }
    });
  }
  std::vector<std::thread> submitters;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    submitters.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        ASSERT_EQ(submit(batcher, i % 3, t * kEach + i, Overflow::kBlock), Pushed::kAccepted);
      }
    });
  }
  for (auto& thread : submitters) thread.join();
  batcher.close();
  for (auto& thread : lanes) thread.join();
  for (const auto& count : seen) ASSERT_EQ(count, 1);
  EXPECT_LE(largest, 8U);
}

}  // namespace
}  // namespace shoal
