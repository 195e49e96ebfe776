// Goal: a pooled object is free again exactly when its last holder is gone, whoever that is.
// Method: direct cases, then holders on many threads (also run under ThreadSanitizer).
#include "core/shared_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/bounded_queue.h"

namespace shoal {
namespace {

TEST(SharedPoolTest, AnObjectComesBackWithItsLastHolder) {
  SharedPool<int> pool(1);
  auto first = pool.try_acquire();
  ASSERT_TRUE(first);
  first.write() = 7;
  auto second = first;
  first.reset();
  EXPECT_FALSE(pool.try_acquire());
  EXPECT_EQ(*second, 7);
  second.reset();
  EXPECT_TRUE(pool.try_acquire());
}

TEST(SharedPoolTest, AssigningLetsGoOfWhatWasHeld) {
  SharedPool<int> pool(2);
  auto one = pool.try_acquire();
  auto other = pool.try_acquire();
  one = other;
  EXPECT_EQ(pool.free_count(), 1U);
  one = std::move(other);
  EXPECT_EQ(pool.free_count(), 1U);
  one = {};
  EXPECT_EQ(pool.free_count(), 2U);
}

TEST(SharedPoolTest, ContentsAreKeptForTheNextUse) {
  SharedPool<std::vector<int>> pool(1);
  auto lease = pool.try_acquire();
  lease.write().assign(1000, 1);
  const auto* place = lease->data();
  lease.reset();
  EXPECT_EQ(pool.try_acquire()->data(), place);
}

TEST(SharedPoolTest, HoldersOnManyThreadsLoseNothing) {
  SharedPool<int> pool(8);
  BoundedQueue<SharedPool<int>::Lease> left(4);
  BoundedQueue<SharedPool<int>::Lease> right(4);
  const auto read = [](BoundedQueue<SharedPool<int>::Lease>& queue, int& sum) {
    while (auto lease = queue.pop()) sum += **lease;
  };
  int left_sum = 0;
  int right_sum = 0;
  std::thread one([&] { read(left, left_sum); });
  std::thread other([&] { read(right, right_sum); });
  int sent = 0;
  while (sent < 5000) {
    auto lease = pool.try_acquire();
    if (!lease) continue;
    lease.write() = 1;
    auto copy = lease;
    (void)left.push(std::move(copy), Overflow::kBlock);
    (void)right.push(std::move(lease), Overflow::kBlock);
    ++sent;
  }
  left.close();
  right.close();
  one.join();
  other.join();
  EXPECT_EQ(left_sum, 5000);
  EXPECT_EQ(right_sum, 5000);
  EXPECT_EQ(pool.free_count(), 8U);
}

}  // namespace
}  // namespace shoal
