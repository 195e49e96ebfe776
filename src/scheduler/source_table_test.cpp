// Goal: a source is found again exactly while it is in the table. Method: random additions and
// removals against std::map, with sources that collide.
#include "scheduler/source_table.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <random>

namespace shoal {
namespace {

TEST(SourceTableTest, AgreesWithAMapUnderRandomAdditionsAndRemovals) {
  constexpr std::size_t kCapacity = 13;
  std::mt19937_64 random(1);
  SourceTable table(kCapacity);
  std::map<SourceKey, std::uint32_t> plain;
  for (int step = 0; step < 200'000; ++step) {
    // Few different ones, so that probing wraps and holes are closed.
    const SourceKey source{static_cast<SourceKey::Kind>(random() % 3),
                           random() % 13 * 0x100000001U};
    if (plain.contains(source)) {
      ASSERT_EQ(table.find_or_add(source), plain.at(source));
      if (random() % 2 == 0) {
        table.remove(plain.at(source));
        plain.erase(source);
      }
    } else if (plain.size() < kCapacity) {
      ASSERT_EQ(table.find(source), SourceTable::kNone);
      const std::uint32_t number = table.find_or_add(source);
      ASSERT_LT(number, kCapacity);
      for (const auto& [other, taken] : plain) ASSERT_NE(taken, number);
      plain[source] = number;
    }
    for (const auto& [known, number] : plain) ASSERT_EQ(table.find(known), number);
  }
}

}  // namespace
}  // namespace shoal
