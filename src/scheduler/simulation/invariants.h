// What must hold of the scheduler at every moment of a simulation, recounted independently of its
// own bookkeeping from what goes in and what comes out:
//   - every request is answered exactly once;
//   - a batch is of one bucket and never over the ceiling; its close reason is true;
//   - a source's order is kept within a bucket and priority;
//   - turns: no request goes before one of its bucket, or of a bucket that may launch, whose flow
//     is due earlier; once a flow is due, at most two launches for every other flow go before it;
//   - no lane is idle while a request waits longer than queue_delay, or while a realtime one waits
//     that it could take: so no wait beyond the delay plus one batch unless lanes are saturated;
//   - the bypass lane gets realtime requests and lone ones, nothing else;
//   - nothing cancelled or expired reaches a lane, nothing else is dropped.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "scheduler/simulation/simulator.h"

namespace shoal {

// What the lanes are doing when something happens.
struct LaneState {
  int idle_regular = 0;  // the lane that is given a batch included
  bool bypass_idle = false;
};

class Invariants {
 public:
  Invariants(const Workload& workload, const BatcherOptions& options, Duration longest_run);

  void submitted(std::size_t request, TimePoint deadline, TimePoint now);
  void cancelled(std::size_t request);
  void closed() { closed_ = true; }
  void limited(std::size_t bucket, int count) { ceilings_[bucket] = count; }
  void dropped(std::size_t request, DropReason reason, TimePoint now);
  void launched(const Batch& batch, LaneKind kind, const LaneState& lanes, TimePoint now);
  // All lanes that want to have asked.
  void settled(const LaneState& lanes, TimePoint now);
  // Once for every request, whatever became of it.
  void ended(std::size_t request);
  void finished();

  // For what the simulator itself notices.
  void violated(const std::string& what, TimePoint now);
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  using FlowKey = std::tuple<std::size_t, Priority, std::uint64_t>;  // bucket, ..., source
  struct Flow {
    std::deque<std::size_t> waiting;
    TimePoint since;
    int launches_when_due = 0;  // of others, on regular lanes
    int flows_when_due = 0;
  };
  struct Known {
    TimePoint queued;
    TimePoint deadline = TimePoint::max();
    bool waiting = false;
    bool cancelled = false;
    bool alone = true;  // nobody else waited as long as it did
    int answers = 0;
  };

  [[nodiscard]] FlowKey flow_of(std::size_t request) const;
  [[nodiscard]] TimePoint turn_of(const FlowKey& key, const Flow& flow) const;
  [[nodiscard]] TimePoint oldest(std::size_t bucket) const;
  void leave(std::size_t request, bool served, TimePoint now);
  void check_batch(const Batch& batch, LaneKind kind, const LaneState& lanes, TimePoint now);
  void check_reason(const Batch& batch, TimePoint now);
  void check_turn(std::size_t request, bool first, TimePoint now);
  void count_launch(TimePoint now);

  const Workload& workload_;
  const BatcherOptions options_;
  const Duration longest_run_;
  std::vector<Known> known_;
  std::map<FlowKey, Flow> flows_;  // that have requests
  std::vector<int> ceilings_;      // [bucket]
  std::size_t waiting_ = 0;
  std::size_t realtime_waiting_ = 0;
  bool closed_ = false;
  std::vector<std::string> violations_;
  std::map<std::string, int> violations_by_kind_;
};

}  // namespace shoal
