// The scheduler beside simpler policies on the same arrivals: goodput under an SLO, mean batch,
// tail latency. The table in docs/scheduler.md is made of this, and a test holds the claim.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "scheduler/simulation/simpler_policies.h"

namespace shoal {

struct Scenario {
  std::string engine;
  Pattern pattern = Pattern::kPoisson;
  double load = 1;  // arrivals, as a share of what full batches on all lanes can do
  Duration slo{};
  WorkloadOptions workload;
  SimulationOptions simulation;
};

// Three engines: a batch on a GPU costs hardly more than one picture; on a CPU every picture costs
// the same; in between, batches of four are cheaper and larger ones are not. For each all patterns,
// below and above capacity.
[[nodiscard]] std::vector<Scenario> scenarios();

struct Measured {
  double goodput = 0;  // share of all arrivals that are answered within the SLO
  double mean_batch = 0;
  double p99_ms = 0;  // of those that were answered
};

struct Comparison {
  Measured shoal;
  std::array<Measured, kSimplerPolicyCount> simpler;  // by SimplerPolicy

  [[nodiscard]] double best_simpler_goodput() const;
};

// The mean over seeds 1 to `seeds`.
[[nodiscard]] Comparison compare(const Scenario& scenario, int seeds);

}  // namespace shoal
