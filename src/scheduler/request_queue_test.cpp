// Goal: turns are fair, order is kept, and what the queue says of itself is always what a recount
// says. Method: direct cases, then random operations against plain lists.
#include "scheduler/request_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <random>
#include <set>

namespace shoal {
namespace {

using std::chrono::milliseconds;

const TimePoint kStart{std::chrono::hours(1)};
constexpr Duration kAgeing = milliseconds(100);

std::unique_ptr<Request> request(std::uint64_t source, std::uint64_t sequence,
                                 Priority priority = Priority::kNormal, std::size_t bucket = 0) {
  auto made = std::make_unique<Request>();
  made->source.id = source;
  made->sequence = sequence;
  made->priority = priority;
  made->bucket = bucket;
  return made;
}

std::uint64_t take(RequestQueue& queue, TimePoint now = kStart, bool realtime = false) {
  return queue.take(0, realtime, now).request->sequence;
}

TEST(RequestQueueTest, SourcesTakeTurnsAndKeepTheirOwnOrder) {
  RequestQueue queue(1, 16, kAgeing);
  for (std::uint64_t i = 0; i < 6; ++i) queue.push(request(1, i), kStart);
  queue.push(request(2, 10), kStart + milliseconds(1));
  queue.push(request(2, 11), kStart + milliseconds(1));
  queue.push(request(3, 20), kStart + milliseconds(2));
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 9; ++i) order.push_back(take(queue, kStart + milliseconds(3)));
  EXPECT_EQ(order, (std::vector<std::uint64_t>{0, 10, 20, 1, 11, 2, 3, 4, 5}));
}

TEST(RequestQueueTest, HigherClassesGoFirst) {
  RequestQueue queue(1, 8, kAgeing);
  queue.push(request(1, 1, Priority::kLow), kStart);
  queue.push(request(2, 2, Priority::kNormal), kStart);
  queue.push(request(3, 3, Priority::kHigh), kStart + milliseconds(50));
  EXPECT_EQ(take(queue), 3U);
  EXPECT_EQ(take(queue), 2U);
  EXPECT_EQ(take(queue), 1U);
}

TEST(RequestQueueTest, AfterEachAgeingARequestCountsAsOneClassHigher) {
  RequestQueue queue(1, 8, kAgeing);
  queue.push(request(1, 1, Priority::kLow), kStart);
  queue.push(request(2, 2, Priority::kNormal), kStart + milliseconds(99));
  queue.push(request(3, 3, Priority::kNormal), kStart + milliseconds(101));
  queue.push(request(4, 4, Priority::kHigh), kStart + milliseconds(199));
  queue.push(request(5, 5, Priority::kHigh), kStart + milliseconds(201));
  const TimePoint now = kStart + milliseconds(201);
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 5; ++i) order.push_back(take(queue, now));
  EXPECT_EQ(order, (std::vector<std::uint64_t>{4, 2, 1, 5, 3}));
}

TEST(RequestQueueTest, AFloodOfAHigherClassDelaysALowOneByTwoAgeingsAtMost) {
  RequestQueue queue(1, 600, kAgeing);
  for (std::uint64_t i = 0; i < 500; ++i) queue.push(request(1, i, Priority::kHigh), kStart);
  queue.push(request(2, 1000, Priority::kLow), kStart);
  int taken = 0;  // one a millisecond
  while (take(queue, kStart + milliseconds(taken)) != 1000) ++taken;
  EXPECT_GE(taken, 199);
  EXPECT_LE(taken, 202);
}

TEST(RequestQueueTest, RealtimeIsApart) {
  RequestQueue queue(1, 8, kAgeing);
  queue.push(request(1, 1), kStart);
  queue.push(request(1, 2, Priority::kRealtime), kStart);
  BucketView view;
  queue.describe(0, view);
  EXPECT_EQ(view.waiting, 1);
  EXPECT_EQ(view.realtime, 1);
  EXPECT_EQ(take(queue, kStart, true), 2U);
  EXPECT_EQ(take(queue), 1U);
}

TEST(RequestQueueTest, ACancelledRequestDoesNotUseItsSourcesTurn) {
  RequestQueue queue(1, 8, kAgeing);
  const std::atomic<bool> gone = true;
  auto cancelled = request(1, 1);
  cancelled->cancelled = &gone;
  queue.push(std::move(cancelled), kStart);
  queue.push(request(1, 2), kStart);
  queue.push(request(2, 3), kStart);
  const auto first = queue.take(0, false, kStart);
  EXPECT_TRUE(first.cancelled);
  EXPECT_EQ(first.request->sequence, 1U);
  EXPECT_EQ(take(queue), 2U);
  EXPECT_EQ(take(queue), 3U);
}

TEST(RequestQueueTest, WhoIsAheadIsCountedByTurns) {
  RequestQueue queue(1, 128, kAgeing);
  for (std::uint64_t i = 0; i < 50; ++i) queue.push(request(1, i), kStart);
  const auto stranger = request(2, 0);
  const auto flooding = request(1, 0);
  EXPECT_EQ(queue.ahead_of(*stranger, 0, kStart), 1U);
  EXPECT_EQ(queue.ahead_of(*flooding, 0, kStart), 50U);
  for (std::uint64_t i = 0; i < 5; ++i) queue.push(request(3, i, Priority::kHigh), kStart);
  EXPECT_EQ(queue.ahead_of(*stranger, 0, kStart), 6U);
  EXPECT_EQ(queue.ahead_of(*request(2, 0, Priority::kHigh), 0, kStart), 1U);
}

// The same queue, plainly: lists, searched whole.
class PlainQueue {
 public:
  struct Item {
    std::uint64_t sequence, source;
    Priority priority;
    std::size_t bucket;
    TimePoint since;
    std::optional<TimePoint> deadline;
  };
  std::list<Item> items;  // by age

  [[nodiscard]] BucketView describe(std::size_t bucket) const {
    BucketView view;
    for (const Item& item : items) {
      if (item.bucket != bucket) continue;
      if (item.priority == Priority::kRealtime) {
        ++view.realtime;
        continue;
      }
      if (view.waiting++ == 0) view.oldest = item.since;
      if (item.deadline) {
        view.earliest_deadline =
            std::min(view.earliest_deadline.value_or(*item.deadline), *item.deadline);
      }
    }
    return view;
  }
};

TEST(RequestQueueTest, ClientsAndCamerasOfTheSameNumberHaveTurnsOfTheirOwn) {
  RequestQueue queue(1, 128, kAgeing);
  for (std::uint64_t i = 0; i < 100; ++i) {
    auto made = request(7, i);
    made->source.kind = SourceKey::Kind::kClient;
    queue.push(std::move(made), kStart);
  }
  auto camera = request(7, 1000);
  camera->source = camera_source(7);
  queue.push(std::move(camera), kStart);
  EXPECT_EQ(take(queue), 0U);
  EXPECT_EQ(take(queue), 1000U) << "second, not behind the hundred of the client";
}

TEST(RequestQueueTest, WhatCannotBeDoneByItsDeadlineAnyMoreIsTaken) {
  RequestQueue queue(1, 8, kAgeing);
  auto made = request(1, 1);
  made->deadline = kStart + milliseconds(50);
  queue.push(std::move(made), kStart, milliseconds(20));
  EXPECT_EQ(queue.take_expired(kStart + milliseconds(29)), nullptr);
  EXPECT_NE(queue.take_expired(kStart + milliseconds(30)), nullptr);
  // Where the wait is bounded and not the answer, the run does not count.
  made = request(1, 2);
  made->start_by = kStart + milliseconds(50);
  queue.push(std::move(made), kStart, milliseconds(20));
  EXPECT_EQ(queue.take_expired(kStart + milliseconds(49)), nullptr);
  EXPECT_NE(queue.take_expired(kStart + milliseconds(50)), nullptr);
  // Who was let in although the run is said to take longer has the chance that it was given.
  made = request(1, 3);
  made->deadline = kStart + milliseconds(10);
  queue.push(std::move(made), kStart, milliseconds(20));
  EXPECT_EQ(queue.take_expired(kStart + milliseconds(9)), nullptr);
  EXPECT_NE(queue.take_expired(kStart + milliseconds(10)), nullptr);
}

TEST(RequestQueueTest, WhoseTurnComesTooLateIsFoundByTheOrderOfTurns) {
  RequestQueue queue(1, 32, kAgeing);
  // Turns: 1, 2 | 1, 2 | 1 ...: the third of source 1 is the fifth of all.
  for (std::uint64_t i = 0; i < 10; ++i) {
    auto made = request(1, i);
    made->start_by = kStart + milliseconds(45);
    queue.push(std::move(made), kStart);
    if (i >= 2) continue;
    made = request(2, 100 + i);
    made->start_by = kStart + milliseconds(45);
    queue.push(std::move(made), kStart);
  }
  std::vector<std::uint64_t> gone;
  while (auto found = queue.take_hopeless(0, milliseconds(10), kStart)) {
    gone.push_back(found->sequence);
  }
  EXPECT_EQ(gone, (std::vector<std::uint64_t>{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(queue.size(), 5U);
}

TEST(RequestQueueTest, RandomOperationsAgreeWithAPlainQueue) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    constexpr std::size_t kBuckets = 3;
    constexpr std::size_t kCapacity = 24;
    RequestQueue queue(kBuckets, kCapacity, kAgeing);
    PlainQueue plain;
    TimePoint now = kStart;
    const auto forget = [&](const Request& gone) {
      const auto found =
          std::find_if(plain.items.begin(), plain.items.end(),
                       [&](const auto& item) { return item.sequence == gone.sequence; });
      ASSERT_NE(found, plain.items.end());
      // Nothing of its own flow is older.
      const bool oldest = std::none_of(plain.items.begin(), found, [&](const auto& item) {
        return item.source == found->source && item.bucket == found->bucket &&
               item.priority == found->priority;
      });
      ASSERT_TRUE(oldest || (gone.deadline && *gone.deadline <= now));
      plain.items.erase(found);
    };
    for (std::uint64_t step = 0; step < 300; ++step) {
      now += milliseconds(random() % 4);
      const std::uint32_t choice = random() % 8;
      if (choice < 5 && queue.size() < kCapacity) {
        auto made = request(random() % 5, step, static_cast<Priority>(random() % 4),
                            random() % kBuckets);
        if (random() % 2 == 0) made->deadline = now + milliseconds(random() % 60);
        plain.items.push_back({step, made->source.id, made->priority, made->bucket, now,
                               made->deadline});
        queue.push(std::move(made), now);
      } else if (choice < 7) {
        const std::size_t bucket = random() % kBuckets;
        const bool realtime = random() % 4 == 0;
        const BucketView view = plain.describe(bucket);
        if ((realtime ? view.realtime : view.waiting) > 0) {
          forget(*queue.take(bucket, realtime, now).request);
        }
      } else {
        while (const auto expired = queue.take_expired(now)) forget(*expired);
        for (const auto& item : plain.items) ASSERT_FALSE(item.deadline && *item.deadline <= now);
      }
      ASSERT_EQ(queue.size(), plain.items.size());
      for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
        BucketView view;
        queue.describe(bucket, view);
        const BucketView expected = plain.describe(bucket);
        ASSERT_EQ(view.waiting, expected.waiting);
        ASSERT_EQ(view.realtime, expected.realtime);
        ASSERT_EQ(view.earliest_deadline, expected.earliest_deadline);
        if (view.waiting > 0) {
          ASSERT_EQ(view.oldest, expected.oldest);
        }
      }
      for (std::uint64_t source = 0; source < 5; ++source) {
        ASSERT_EQ(queue.size_of({SourceKey::Kind::kLocal, source}),
                  static_cast<std::size_t>(std::count_if(
                      plain.items.begin(), plain.items.end(),
                      [&](const auto& item) { return item.source == source; })));
      }
    }
    while (const auto left = queue.take_any()) forget(*left);
    ASSERT_TRUE(plain.items.empty());
  }
}

}  // namespace
}  // namespace shoal
