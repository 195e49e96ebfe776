// Prints the table of docs/scheduler.md: the scheduler beside simpler policies, in the simulator.
//
//   build/release/benchmarks/shoal_policy_comparison [SEEDS]
#include <cstdio>
#include <cstdlib>

#include "scheduler/simulation/comparison.h"

namespace {

void print_cell(const shoal::Measured& one) {
  std::printf(" %.1f %%, %.1f, %.0f ms |", 100 * one.goodput, one.mean_batch, one.p99_ms);
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::atoi(argv[1]) : 10;
  if (seeds < 1) {
    std::fprintf(stderr, "usage: shoal_policy_comparison [SEEDS]\n");
    return 2;
  }
  std::printf("| engine, load | arrivals | Shoal |");
  for (std::size_t i = 0; i < shoal::kSimplerPolicyCount; ++i) {
    const auto name = shoal::to_string(static_cast<shoal::SimplerPolicy>(i));
    std::printf(" %.*s |", static_cast<int>(name.size()), name.data());
  }
  std::printf("\n|---|---|---|---|---|---|\n");
  for (const shoal::Scenario& scenario : shoal::scenarios()) {
    const shoal::Comparison comparison = shoal::compare(scenario, seeds);
    const auto pattern = shoal::to_string(scenario.pattern);
    std::printf("| %s, %.0f %% | %.*s |", scenario.engine.c_str(), 100 * scenario.load,
                static_cast<int>(pattern.size()), pattern.data());
    print_cell(comparison.shoal);
    for (const shoal::Measured& one : comparison.simpler) print_cell(one);
    std::printf("\n");
  }
  return 0;
}
