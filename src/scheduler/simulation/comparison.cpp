#include "scheduler/simulation/comparison.h"

#include <algorithm>

namespace shoal {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct EngineModel {
  const char* name;
  int lanes;
  int batch_max;
  LatencyModel model;
  Duration slo;
};

std::vector<EngineModel> engines() {
  // About what was measured for YOLO11n: a GPU, and two cores with a lane each.
  EngineModel gpu{"GPU", 2, 16, make_model(microseconds(1000), microseconds(150), 16),
                  milliseconds(15)};
  EngineModel cpu{"CPU", 2, 8, make_model(microseconds(500), milliseconds(44), 8),
                  milliseconds(400)};
  EngineModel between{"in between", 2, 8, make_model(milliseconds(12), milliseconds(3), 8),
                      milliseconds(100)};
  for (std::size_t i = 4; i < between.model.batches.size(); ++i) {
    between.model.batches[i] = between.model.batches[3] * (static_cast<int>(i) + 1) / 4;
  }
  return {gpu, between, cpu};
}

Measured measure(const Workload& workload, const Scenario& scenario,
                 const SimulationReport& report) {
  return {.goodput = share_within(workload, report, scenario.slo),
          .mean_batch = report.mean_batch(),
          .p99_ms = to_milliseconds(latency_quantile(workload, report, 0.99))};
}

void add(Measured& sum, const Measured& one, double weight) {
  sum.goodput += one.goodput * weight;
  sum.mean_batch += one.mean_batch * weight;
  sum.p99_ms += one.p99_ms * weight;
}

}  // namespace

double Comparison::best_simpler_goodput() const {
  double best = 0;
  for (const Measured& one : simpler) best = std::max(best, one.goodput);
  return best;
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const EngineModel& engine : engines()) {
    for (const double load : {0.3, 0.8, 1.5}) {
      for (std::size_t i = 0; i < kPatternCount; ++i) {
        Scenario scenario;
        scenario.engine = engine.name;
        scenario.pattern = static_cast<Pattern>(i);
        scenario.load = load;
        scenario.slo = engine.slo;
        scenario.simulation.model = engine.model;
        scenario.simulation.model.jitter = 0.05;
        scenario.simulation.check = false;
        BatcherOptions& scheduler = scenario.simulation.scheduler;
        scheduler.policy.batch_max = engine.batch_max;
        scheduler.lane_count = engine.lanes;
        scheduler.bucket_count = 3;
        WorkloadOptions& workload = scenario.workload;
        workload.pattern = scenario.pattern;
        workload.count = 3000;
        const double full = to_milliseconds(engine.model.batches.back()) / 1000;
        workload.rate = load * engine.lanes * engine.batch_max / full;
        workload.bucket_count = scheduler.bucket_count;
        workload.burst = scenario.pattern == Pattern::kFlood ? 64 : 16;
        workload.timeout = engine.slo;
        all.push_back(scenario);
      }
    }
  }
  return all;
}

Comparison compare(const Scenario& scenario, int seeds) {
  Comparison comparison;
  for (int seed = 1; seed <= seeds; ++seed) {
    WorkloadOptions options = scenario.workload;
    options.seed = static_cast<std::uint64_t>(seed);
    SimulationOptions simulation = scenario.simulation;
    simulation.seed = options.seed;
    const Workload workload = make_workload(options);
    add(comparison.shoal, measure(workload, scenario, simulate(workload, simulation)), 1.0 / seeds);
    for (std::size_t i = 0; i < kSimplerPolicyCount; ++i) {
      SimplerScheduler scheduler(static_cast<SimplerPolicy>(i), simulation.scheduler);
      add(comparison.simpler[i],
          measure(workload, scenario, simulate(workload, simulation, scheduler)), 1.0 / seeds);
    }
  }
  return comparison;
}

}  // namespace shoal
