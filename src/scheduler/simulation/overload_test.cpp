// Goal: above capacity, who cannot be answered in time hears of it at once, and the lanes lose
// nothing by that. Method: the simulator at twice what the lanes can do, with lanes that do more
// than they report, with priorities, bursts and few sources.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scheduler/simulation/simulator.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Overload {
  const char* name;
  Pattern pattern = Pattern::kPoisson;
  double untold = 0;
  double high = 0;
  double low = 0;
  bool waits_only = true;
  std::uint64_t sources = 2000;
  double each_ms = 24;
  double jitter = 0.1;
};

// Two lanes of a CPU on which every picture takes as long, whatever the batch.
constexpr int kLanes = 2;
constexpr auto kTimeout = seconds(1);

struct Seen {
  double refusal_p99_ms = 0;  // how long those who got no answer had to wait for that
  double of_capacity = 0;     // answered in time, as a share of what the lanes can do
  double refused = 0;         // share of all
};

Seen run(const Overload& overload, std::uint64_t seed) {
  WorkloadOptions arrivals{.seed = seed, .pattern = overload.pattern, .count = 20'000};
  const double longer = (1 + overload.jitter / 2) * (1 + overload.untold);  // with its mean
  const double capacity = kLanes * 1000 / (overload.each_ms * longer);
  arrivals.rate = 2 * capacity;
  arrivals.source_count = overload.sources;
  arrivals.high = overload.high;
  arrivals.low = overload.low;
  arrivals.timeout = kTimeout;
  const Workload workload = make_workload(arrivals);
  SimulationOptions options;
  options.seed = seed;
  options.model = make_model(
      milliseconds(0), std::chrono::microseconds(std::llround(overload.each_ms * 1000)), 8);
  options.model.jitter = overload.jitter;
  options.model.untold = overload.untold;
  options.waits_only = overload.waits_only;
  options.check = false;
  options.scheduler.lane_count = kLanes;
  options.scheduler.queue_limit = 256;
  const SimulationReport report = simulate(workload, options);
  std::vector<double> refusals;
  double in_time = 0;
  // Begun within the time-out, where that is what was asked for.
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const RequestFate& one = report.requests[i];
    const Duration taken = (overload.waits_only && one.fate == Fate::kAnswered ? one.launched
                                                                              : one.ended) -
                           workload[i].at;
    if (one.fate == Fate::kAnswered) {
      in_time += taken <= kTimeout ? 1 : 0;
    } else {
      refusals.push_back(to_milliseconds(taken));
    }
  }
  std::sort(refusals.begin(), refusals.end());
  const double length_s = to_milliseconds(workload.back().at) / 1000;
  return {.refusal_p99_ms = refusals.at(refusals.size() * 99 / 100),
          .of_capacity = in_time / (length_s * capacity),
          .refused = static_cast<double>(refusals.size()) / static_cast<double>(workload.size())};
}

TEST(OverloadTest, AtTwiceTheCapacityRefusalsComeAtOnceBesideFullLanes) {
  for (const Overload& overload : {
           Overload{.name = "poisson"},
           Overload{.name = "steady", .pattern = Pattern::kSteady},
           Overload{.name = "deadlines of the answer", .waits_only = false},
           Overload{.name = "lanes do more than they report", .untold = 0.3},
           Overload{.name = "few sources", .sources = 3},
           Overload{.name = "priorities", .high = 0.2, .low = 0.3},
           Overload{.name = "low and untold work", .untold = 0.2, .low = 0.5},
           Overload{.name = "bursts", .pattern = Pattern::kBursts},
           Overload{.name = "uneven", .jitter = 0.8},
           Overload{.name = "a second is two batches", .each_ms = 110, .jitter = 0.8},
       }) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      SCOPED_TRACE(std::string(overload.name) + ", seed " + std::to_string(seed));
      const Seen seen = run(overload, seed);
      EXPECT_LE(seen.refusal_p99_ms, 50);
      EXPECT_GE(seen.of_capacity, 0.97);
      EXPECT_GT(seen.refused, 0.4) << "it is an overload";
      RecordProperty(overload.name, std::to_string(seen.refusal_p99_ms) + " ms, " +
                                        std::to_string(seen.of_capacity));
    }
  }
}

}  // namespace
}  // namespace shoal
