// Goal: the queue loses nothing, bounds what it holds and ends cleanly. Method: direct cases, then
// many producers and consumers (also run under ThreadSanitizer).
#include "core/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace shoal {
namespace {

TEST(BoundedQueueTest, KeepsTheOrderOfItems) {
  BoundedQueue<int> queue(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.push(int{i}, Overflow::kReject), Pushed::kAccepted);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop(), i);
}

TEST(BoundedQueueTest, RejectLeavesTheItemWithItsOwner) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  ASSERT_EQ(queue.push(std::make_unique<int>(1), Overflow::kReject), Pushed::kAccepted);
  auto second = std::make_unique<int>(2);
  EXPECT_EQ(queue.push(std::move(second), Overflow::kReject), Pushed::kRejected);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, 2);
}

TEST(BoundedQueueTest, DropOldestKeepsTheNewest) {
  BoundedQueue<int> queue(2);
  EXPECT_EQ(queue.push(1, Overflow::kDropOldest), Pushed::kAccepted);
  EXPECT_EQ(queue.push(2, Overflow::kDropOldest), Pushed::kAccepted);
  EXPECT_EQ(queue.push(3, Overflow::kDropOldest), Pushed::kEvictedOldest);
  EXPECT_EQ(queue.pop(), 2);
  EXPECT_EQ(queue.pop(), 3);
}

TEST(BoundedQueueTest, CloseDrainsAndThenEnds) {
  BoundedQueue<int> queue(4);
  ASSERT_EQ(queue.push(7, Overflow::kBlock), Pushed::kAccepted);
  queue.close();
  EXPECT_EQ(queue.push(8, Overflow::kBlock), Pushed::kClosed);
  EXPECT_EQ(queue.pop(), 7);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueueTest, AbandonReleasesABlockedProducer) {
  BoundedQueue<int> queue(1);
  ASSERT_EQ(queue.push(1, Overflow::kBlock), Pushed::kAccepted);
  std::thread producer([&] { EXPECT_EQ(queue.push(2, Overflow::kBlock), Pushed::kClosed); });
  queue.abandon();
  producer.join();
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueueTest, ManyProducersAndConsumersLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kItemsEach = 20'000;
  BoundedQueue<int> queue(64);
  std::atomic<long> sum = 0;
  std::atomic<int> count = 0;
  std::vector<std::thread> consumers;
  for (int i = 0; i < kThreads; ++i) {
    consumers.emplace_back([&] {
      while (const auto item = queue.pop()) {
        sum += *item;
        ++count;
      }
    });
  }
  std::vector<std::thread> producers;
  for (int i = 0; i < kThreads; ++i) {
    producers.emplace_back([&] {
      for (int k = 1; k <= kItemsEach; ++k) queue.push(int{k}, Overflow::kBlock);
    });
  }
  for (auto& producer : producers) producer.join();
  queue.close();
  for (auto& consumer : consumers) consumer.join();
  EXPECT_EQ(count, kThreads * kItemsEach);
  EXPECT_EQ(sum, kThreads * (static_cast<long>(kItemsEach) * (kItemsEach + 1) / 2));
}

}  // namespace
}  // namespace shoal
