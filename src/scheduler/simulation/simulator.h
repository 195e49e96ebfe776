// The scheduler without threads, clock and network: arrivals in, a virtual clock, lanes that take
// as long as a model says. The queues and decide() are those of the service. What must always hold
// is checked at every step; see invariants.h.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/dispatcher.h"
#include "scheduler/simulation/workload.h"

namespace shoal {

// What the simulator drives: Dispatcher, or something simpler to compare it with.
//
// The methods are Dispatcher's.
class SimulatedScheduler {
 public:
  virtual ~SimulatedScheduler() = default;
  [[nodiscard]] virtual Admission admit(const Request& request, TimePoint now) const = 0;
  [[nodiscard]] virtual Pushed submit(std::unique_ptr<Request>& request, TimePoint now) = 0;
  virtual void idle(LaneKind kind) = 0;
  virtual void busy(LaneKind kind) = 0;
  [[nodiscard]] virtual Decision ask(Batch& batch, LaneKind kind, TimePoint now) = 0;
  [[nodiscard]] virtual Wake wake() const = 0;
  virtual void learn(std::size_t bucket, int count, Duration run_time, LaneKind kind,
                     TimePoint now) = 0;
  virtual void limit_batch(std::size_t bucket, int count) = 0;
  virtual void close() = 0;
};

// The scheduler of the service.
class RealScheduler : public SimulatedScheduler {
 public:
  explicit RealScheduler(const BatcherOptions& options) : dispatcher_(options) {}
  Admission admit(const Request& request, TimePoint now) const override {
    return dispatcher_.admit(request, now);
  }
  Pushed submit(std::unique_ptr<Request>& request, TimePoint now) override {
    return dispatcher_.submit(request, now);
  }
  void idle(LaneKind kind) override { dispatcher_.idle(kind); }
  void busy(LaneKind kind) override { dispatcher_.busy(kind); }
  Decision ask(Batch& batch, LaneKind kind, TimePoint now) override {
    return dispatcher_.ask(batch, kind, now);
  }
  Wake wake() const override { return dispatcher_.wake(); }
  void learn(std::size_t bucket, int count, Duration run_time, LaneKind kind,
             TimePoint now) override {
    dispatcher_.learn(bucket, count, run_time, kind, now);
  }
  void limit_batch(std::size_t bucket, int count) override {
    dispatcher_.limit_batch(bucket, count);
  }
  void close() override { dispatcher_.close(); }

 private:
  Dispatcher dispatcher_;
};

// How long lanes take and what goes wrong.
struct LatencyModel {
  std::vector<Duration> batches;  // on a regular lane, of 1, 2, ... batch_max pictures
  Duration bypass{};              // one picture on the bypass lane
  double jitter = 0;              // a batch takes up to this share longer
  // A lane does other work after a batch, so much of its time that it does not report.
  double untold = 0;
  double failures = 0;            // share of batches that fail, all their pictures with them
  int memory_max = 0;  // an allocation fails for larger batches; 0: never
};

// `fixed` a batch and `each` a picture.
[[nodiscard]] LatencyModel make_model(Duration fixed, Duration each, int batch_max);

struct SimulationOptions {
  std::uint64_t seed = 1;  // of jitter, failures and of which idle lane wakes
  BatcherOptions scheduler;
  LatencyModel model;
  bool admission = true;  // ask admit() before submit()
  bool waits_only = false;  // an arrival's timeout is that of its wait, not of its answer
  bool check = true;      // the invariants of `scheduler`; not for simpler policies
};

enum class Fate : std::uint8_t {
  kPending,    // none yet; at the end: lost
  kAnswered,
  kFailed,     // with its batch
  kRefused,    // by admission
  kRejected,   // the queue was full
  kCancelled,  // in the queue
  kExpired,    // in the queue, or given up there because it would have
};
inline constexpr std::size_t kFateCount = 7;

struct RequestFate {
  Fate fate = Fate::kPending;
  Duration launched{};  // since the start, like `ended`
  Duration ended{};
  int batch_size = 0;
};

struct SimulationReport {
  std::vector<RequestFate> requests;  // in the order of the workload
  std::array<std::int64_t, kFateCount> fates{};
  std::array<std::int64_t, kCloseReasonCount> close_reasons{};
  std::int64_t batches = 0;
  std::int64_t late = 0;  // answered, but after the deadline
  std::vector<std::string> violations;  // the first few; empty: all invariants held

  [[nodiscard]] std::int64_t count(Fate fate) const {
    return fates[static_cast<std::size_t>(fate)];
  }
  [[nodiscard]] double mean_batch() const;
};

// Runs the workload through the scheduler until every request has its answer. The same arguments
// give the same report. REQUIRES: the workload is in order; `scheduler` is new.
[[nodiscard]] SimulationReport simulate(const Workload& workload, const SimulationOptions& options,
                                        SimulatedScheduler& scheduler);
// With the scheduler of the service.
[[nodiscard]] SimulationReport simulate(const Workload& workload,
                                        const SimulationOptions& options);

// Of those that were answered, by arrival: the share answered within `slo`, of all that arrived,
// and a quantile of their latency.
[[nodiscard]] double share_within(const Workload& workload, const SimulationReport& report,
                                  Duration slo);
[[nodiscard]] Duration latency_quantile(const Workload& workload, const SimulationReport& report,
                                        double q);

}  // namespace shoal
