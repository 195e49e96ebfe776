// The ledger of recordings: what goes, in which order, and what never goes.
#include "sink/disk_budget.h"

#include <gtest/gtest.h>

#include <limits>

namespace shoal {
namespace {

using namespace std::chrono_literals;
using Keys = std::vector<std::string>;

constexpr std::int64_t kPlenty = std::numeric_limits<std::int64_t>::max();
const WallTime kNow(1'795'248'000s);

DiskBudget three(const DiskLimits& limits) {
  DiskBudget budget(limits);
  budget.set("b", kNow - 2h, 100);
  budget.set("c", kNow - 1h, 100);
  budget.set("a", kNow - 3h, 100);
  return budget;
}

TEST(DiskBudget, KeepsWhatFits) {
  DiskBudget budget = three({.bytes_max = 300});
  EXPECT_EQ(budget.take_excess(kNow, kPlenty), Keys{});
  EXPECT_EQ(budget.bytes(), 300);
  EXPECT_EQ(budget.count(), 3U);
}

TEST(DiskBudget, TheOldestGoFirstWhateverTheOrderTheyCameIn) {
  DiskBudget budget = three({.bytes_max = 150});
  EXPECT_EQ(budget.take_excess(kNow, kPlenty), (Keys{"a", "b"}));
  EXPECT_EQ(budget.bytes(), 100);
  EXPECT_EQ(budget.take_excess(kNow, kPlenty), Keys{});
}

TEST(DiskBudget, TheNewestStaysEvenWhereItAloneIsTooLarge) {
  DiskBudget budget = three({.bytes_max = 0});
  EXPECT_EQ(budget.take_excess(kNow, 0), (Keys{"a", "b"}));
  EXPECT_EQ(budget.count(), 1U);
}

TEST(DiskBudget, AFullDiskTakesAsManyAsTheReserveLacks) {
  DiskBudget budget = three({.free_min = 1000});
  EXPECT_EQ(budget.take_excess(kNow, 950), Keys{"a"});
  EXPECT_EQ(budget.take_excess(kNow, 1050), Keys{});
}

TEST(DiskBudget, AgeAndCountAreLimitsToo) {
  DiskBudget old = three({.keep_max = 150min});
  EXPECT_EQ(old.take_excess(kNow, kPlenty), Keys{"a"});
  DiskBudget many = three({.count_max = 2});
  EXPECT_EQ(many.take_excess(kNow, kPlenty), Keys{"a"});
}

TEST(DiskBudget, AClockThatWentBackRemovesNothing) {
  DiskBudget budget = three({.keep_max = 4h});
  EXPECT_EQ(budget.take_excess(kNow - 24h, kPlenty), Keys{});
}

TEST(DiskBudget, ARecordingThatGrowsIsCountedOnce) {
  DiskBudget budget = three({.bytes_max = 1000});
  budget.set("c", kNow - 1h, 700);
  EXPECT_EQ(budget.bytes(), 900);
  budget.erase("b");
  budget.erase("b");
  EXPECT_EQ(budget.bytes(), 800);
  EXPECT_EQ(budget.count(), 2U);
}

TEST(DiskBudget, FreeBytesOfADiskAreKnown) {
  EXPECT_GT(free_disk_bytes("/"), 0);
  EXPECT_EQ(free_disk_bytes("/no/such/folder"), kPlenty);
}

}  // namespace
}  // namespace shoal
