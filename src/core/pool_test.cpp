// Goal: a pool's gauge is what its leases hold, whatever they do and whoever ends first.
#include "core/pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "core/arena.h"

namespace shoal {
namespace {

TEST(PoolTest, ALeaseIsUsedWhileAtWorkAndGivesBackWhatItHolds) {
  Pool pool("frames");
  {
    Pool::Lease lease(pool);
    lease.work();
    lease.hold(1000, 600);
    EXPECT_EQ(pool.gauge().used_bytes, 1000);
    lease.idle();
    const PoolGauge idle = pool.gauge();
    EXPECT_EQ(idle.used_bytes, 0);
    EXPECT_EQ(idle.size_bytes, 1000);
    EXPECT_DOUBLE_EQ(idle.fragmentation, 0.4);
    lease.hold(200, 200);
    EXPECT_EQ(pool.gauge().size_bytes, 200);
    EXPECT_EQ(pool.gauge().high_water_bytes, 1000);
    EXPECT_DOUBLE_EQ(pool.gauge().fragmentation, 0);
    lease.work();
  }
  EXPECT_EQ(pool.gauge().used_bytes, 0);
  EXPECT_EQ(pool.gauge().size_bytes, 0);
  EXPECT_EQ(pool.gauge().high_water_bytes, 1000);
  EXPECT_EQ(pool.gauge().name, "frames");
}

TEST(PoolTest, MovingALeaseMovesItsShare) {
  Pool pool("frames");
  std::optional<Pool::Lease> first(pool);
  first->hold(10, 10);
  first->work();
  Pool::Lease second(pool);
  second.hold(5, 5);
  second = std::move(*first);
  first.reset();
  EXPECT_EQ(pool.gauge().size_bytes, 10) << "the 5 went back";
  EXPECT_EQ(pool.gauge().used_bytes, 10);
  const Pool::Lease nothing;
  EXPECT_EQ(nothing.held(), 0);
}

TEST(PoolTest, ThreadsDoNotLoseBytes) {
  Pool pool("frames");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 2000; ++i) {
        Pool::Lease lease(pool);
        lease.work();
        lease.hold(t + i, i / 2);
        if (i % 2 == 0) lease.idle();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool.gauge().size_bytes, 0);
  EXPECT_EQ(pool.gauge().used_bytes, 0);
  EXPECT_DOUBLE_EQ(pool.gauge().fragmentation, 0);
  EXPECT_GE(pool.gauge().high_water_bytes, 2002);
}

TEST(PoolTest, SumsOfPoolsWeighFragmentation) {
  PoolGauge sum{.name = "lanes", .used_bytes = 1, .size_bytes = 100, .high_water_bytes = 100,
                .fragmentation = 0.5};
  sum.add({.name = "", .used_bytes = 2, .size_bytes = 300, .high_water_bytes = 400,
           .fragmentation = 0.1});
  EXPECT_EQ(sum.used_bytes, 3);
  EXPECT_EQ(sum.size_bytes, 400);
  EXPECT_EQ(sum.high_water_bytes, 500);
  EXPECT_DOUBLE_EQ(sum.fragmentation, 0.2);
}

TEST(ArenaTest, PartsAreAlignedAndDoNotOverlapButWhereToldTo) {
  ArenaPlan plan;
  const std::size_t first = plan.add(100);
  const std::size_t second = plan.add(64);
  EXPECT_EQ(first, 0U);
  EXPECT_EQ(second, 128U);
  const auto mark = plan.mark();
  const std::size_t third = plan.add(1000);
  plan.rewind(mark);
  const std::size_t fourth = plan.add(10);
  EXPECT_EQ(third, fourth);
  EXPECT_EQ(plan.bytes(), 192U + 1000U);
  EXPECT_EQ(plan.needed(), 100U + 64U + 1000U);
}

TEST(ArenaTest, AnArenaIsItsPoolsWhileItLives) {
  Pool pool("lanes");
  ArenaPlan plan;
  const std::size_t offset = plan.add(1 << 20);
  {
    auto arena = Arena::create(plan, pool);
    ASSERT_TRUE(arena);
    std::memset(arena->at(offset), 1, 1 << 20);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena->at(offset)) % ArenaPlan::kAlignment, 0U);
    EXPECT_EQ(pool.gauge().used_bytes, 1 << 20);
  }
  EXPECT_EQ(pool.gauge().size_bytes, 0);
}

TEST(ArenaTest, ABlockThatIsTooLargeIsAnError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the process where an allocation is this large";
#endif
  Pool pool("lanes");
  ArenaPlan plan;
  (void)plan.add(std::size_t{1} << 50);
  const auto arena = Arena::create(plan, pool);
  ASSERT_FALSE(arena);
  EXPECT_EQ(arena.error().code, ErrorCode::kOutOfMemory);
  EXPECT_NE(arena.error().message.find("1024.0 TiB"), std::string::npos) << arena.error().message;
  EXPECT_EQ(pool.gauge().size_bytes, 0);
}

}  // namespace
}  // namespace shoal
