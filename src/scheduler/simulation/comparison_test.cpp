// Goal: the scheduler is never worse than a simpler policy on the same arrivals, in goodput, by
// more than the margin that docs/scheduler.md states. Method: every scenario of its table, fewer
// seeds.
#include "scheduler/simulation/comparison.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr double kMargin = 0.02;  // of all arrivals

TEST(ComparisonTest, GoodputIsNeverWorseThanThatOfASimplerPolicy) {
  for (const Scenario& scenario : scenarios()) {
    SCOPED_TRACE(scenario.engine + ", " + std::string(to_string(scenario.pattern)) + ", load " +
                 std::to_string(scenario.load));
    const Comparison comparison = compare(scenario, 3);
    EXPECT_GE(comparison.shoal.goodput, comparison.best_simpler_goodput() - kMargin);
  }
}

TEST(ComparisonTest, EverySimplerPolicyIsMuchWorseSomewhere) {
  std::array<double, kSimplerPolicyCount> most{};
  for (const Scenario& scenario : scenarios()) {
    const Comparison comparison = compare(scenario, 1);
    for (std::size_t i = 0; i < kSimplerPolicyCount; ++i) {
      most[i] = std::max(most[i], comparison.shoal.goodput - comparison.simpler[i].goodput);
    }
  }
  for (std::size_t i = 0; i < kSimplerPolicyCount; ++i) {
    EXPECT_GT(most[i], 0.2) << to_string(static_cast<SimplerPolicy>(i));
  }
}

}  // namespace
}  // namespace shoal
