// Goal: waits double from min to max, lose at most half to chance, and are never nothing.
// Method: properties over all kinds of options, and the spread of many cameras.
#include "source/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <set>

namespace shoal {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, DoublesFromMinToMaxAndTakesAtMostHalfAway) {
  const BackoffOptions options{.min = milliseconds(500), .max = milliseconds(30'000)};
  std::mt19937_64 random(1);
  std::int64_t whole = 500;
  for (int failures = 1; failures <= 40; ++failures) {
    EXPECT_EQ(backoff(options, failures, 0), milliseconds(whole));
    for (int i = 0; i < 200; ++i) {
      const std::int64_t wait = backoff(options, failures, random()).count();
      EXPECT_LE(wait, whole);
      EXPECT_GE(wait, whole / 2);
    }
    whole = std::min<std::int64_t>(2 * whole, 30'000);
  }
}

TEST(BackoffTest, SpreadsCamerasThatDiedTogether) {
  const BackoffOptions options;
  std::mt19937_64 random(2);
  std::set<std::int64_t> tenths;
  double sum = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::int64_t wait = backoff(options, 4, random()).count();
    tenths.insert((wait - 2000) / 200);
    sum += static_cast<double>(wait);
  }
  EXPECT_GE(tenths.size(), 10U);
  EXPECT_NEAR(sum / 4000, 3000, 50);
}

TEST(BackoffTest, IsNeverNothingAndNeverOverflows) {
  std::mt19937_64 random(3);
  for (const std::int64_t min : {std::int64_t{-5}, std::int64_t{0}, std::int64_t{1},
                                 std::numeric_limits<std::int64_t>::max()}) {
    for (const std::int64_t max : {std::int64_t{-5}, std::int64_t{0}, std::int64_t{1},
                                   std::int64_t{700}, std::numeric_limits<std::int64_t>::max()}) {
      for (const int failures : {-1, 0, 1, 2, 70, std::numeric_limits<int>::max()}) {
        const BackoffOptions options{.min = milliseconds(min), .max = milliseconds(max)};
        const milliseconds wait = backoff(options, failures, random());
        EXPECT_GE(wait, milliseconds(1));
        EXPECT_LE(wait, milliseconds(std::max<std::int64_t>(max, 1)));
      }
    }
  }
}

}  // namespace
}  // namespace shoal
