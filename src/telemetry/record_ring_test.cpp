// Goal: the ring loses nothing it accepted, keeps each thread's order, and refuses when full.
#include "telemetry/record_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace shoal {
namespace {

struct Item {
  int thread = 0;
  std::uint64_t number = 0;
  std::uint64_t check = 0;
};

TEST(RecordRingTest, GivesBackInOrderAndRefusesWhenFull) {
  RecordRing<Item> ring(3);  // rounded up
  EXPECT_EQ(ring.capacity(), 4u);
  EXPECT_EQ(ring.front(), nullptr);
  for (std::uint64_t round = 0; round < 5; ++round) {
    for (std::uint64_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(ring.push([&](Item& item) { item.number = round * 10 + i; }));
    }
    EXPECT_FALSE(ring.push([](Item&) { FAIL() << "a full ring has no slot to fill"; }));
    for (std::uint64_t i = 0; i < 4; ++i) {
      ASSERT_NE(ring.front(), nullptr);
      EXPECT_EQ(ring.front()->number, round * 10 + i);
      ring.pop();
    }
    EXPECT_EQ(ring.front(), nullptr);
  }
  EXPECT_EQ(ring.pushed(), 20u);
  EXPECT_EQ(ring.popped(), 20u);
}

TEST(RecordRingTest, ManyThreadsLoseNothingThatWasAccepted) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kEach = 50'000;
  RecordRing<Item> ring(64);
  std::vector<std::thread> threads;
  std::vector<std::uint64_t> accepted(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&ring, thread, &count = accepted[static_cast<std::size_t>(thread)]] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        const auto put = [&] {
          return ring.push([&](Item& item) { item = {thread, i + 1, (i + 1) * 31}; });
        };
        bool accepted_it = put();
        while (!accepted_it && thread % 2 == 0) {  // half of them insist
          std::this_thread::yield();
          accepted_it = put();
        }
        count += accepted_it ? 1 : 0;
      }
    });
  }
  std::vector<std::uint64_t> last(kThreads);
  std::vector<std::uint64_t> taken(kThreads);
  const auto take = [&] {
    while (const Item* item = ring.front()) {
      const auto thread = static_cast<std::size_t>(item->thread);
      EXPECT_GT(item->number, last[thread]) << "order of thread " << thread;
      EXPECT_EQ(item->check, item->number * 31) << "a record of two threads";
      last[thread] = item->number;
      ++taken[thread];
      ring.pop();
    }
  };
  std::atomic<bool> done{false};
  std::thread joiner([&] {
    for (auto& thread : threads) thread.join();
    done = true;
  });
  while (!done) {
    take();
    std::this_thread::yield();
  }
  joiner.join();
  take();
  EXPECT_EQ(taken, accepted);
  EXPECT_EQ(accepted[0] + accepted[2], 2 * kEach);
}

}  // namespace
}  // namespace shoal
