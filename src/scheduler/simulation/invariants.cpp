#include "scheduler/simulation/invariants.h"

#include <algorithm>
#include <cstdio>

namespace shoal {
namespace {

constexpr int kMostOfAKind = 3;

std::string name_of(std::size_t request) { return "request " + std::to_string(request); }

}  // namespace

Invariants::Invariants(const Workload& workload, const BatcherOptions& options,
                       Duration longest_run)
    : workload_(workload),
      options_(options),
      longest_run_(longest_run),
      known_(workload.size()),
      ceilings_(options.bucket_count, options.policy.batch_max) {}

void Invariants::violated(const std::string& what, TimePoint now) {
  std::string kind = what;
  std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
  if (++violations_by_kind_[kind] > kMostOfAKind) return;
  char time[32];
  std::snprintf(time, sizeof time, "%.3f ms: ", to_milliseconds(now.time_since_epoch()));
  violations_.push_back(time + what);
}

Invariants::FlowKey Invariants::flow_of(std::size_t request) const {
  const Arrival& arrival = workload_[request];
  return {arrival.bucket, arrival.priority, arrival.source};
}

TimePoint Invariants::turn_of(const FlowKey& key, const Flow& flow) const {
  return flow.since +
         options_.policy.priority_ageing * static_cast<Duration::rep>(std::get<Priority>(key));
}

// When the one came that waits longest in this bucket, realtime ones apart.
TimePoint Invariants::oldest(std::size_t bucket) const {
  TimePoint result = TimePoint::max();
  for (const auto& [key, flow] : flows_) {
    if (std::get<0>(key) != bucket || std::get<Priority>(key) == Priority::kRealtime) continue;
    result = std::min(result, known_[flow.waiting.front()].queued);
  }
  return result;
}

void Invariants::submitted(std::size_t request, TimePoint deadline, TimePoint now) {
  Known& known = known_[request];
  if (known.waiting || known.answers > 0) violated(name_of(request) + " queued twice", now);
  known.queued = now;
  known.deadline = deadline;
  known.waiting = true;
  Flow& flow = flows_[flow_of(request)];
  if (flow.waiting.empty()) flow.since = now;
  flow.waiting.push_back(request);
  if (workload_[request].priority == Priority::kRealtime) ++realtime_waiting_;
  if (++waiting_ > 1) {
    for (const auto& [key, other] : flows_) {
      for (const std::size_t one : other.waiting) known_[one].alone = false;
    }
  }
  if (waiting_ > options_.queue_limit) violated("more wait than the queue's limit", now);
}

void Invariants::cancelled(std::size_t request) { known_[request].cancelled = true; }

// The request is no longer in the queue.
void Invariants::leave(std::size_t request, bool served, TimePoint now) {
  const FlowKey key = flow_of(request);
  const auto found = flows_.find(key);
  if (found == flows_.end() || !known_[request].waiting) {
    violated(name_of(request) + " came out of the queue and was not in it", now);
    return;
  }
  auto& waiting = found->second.waiting;
  if (served && waiting.front() != request) {
    violated(name_of(request) + " overtakes " + name_of(waiting.front()) + " of its source", now);
  }
  waiting.erase(std::find(waiting.begin(), waiting.end(), request));
  if (served) {
    found->second.since = now;
    found->second.launches_when_due = 0;
  }
  if (waiting.empty()) flows_.erase(found);
  known_[request].waiting = false;
  --waiting_;
  if (workload_[request].priority == Priority::kRealtime) --realtime_waiting_;
}

void Invariants::dropped(std::size_t request, DropReason reason, TimePoint now) {
  const Known& known = known_[request];
  if (reason == DropReason::kCancelled && !known.cancelled) {
    violated(name_of(request) + " was dropped as cancelled and is not", now);
  }
  if (reason == DropReason::kExpired && known.deadline > now) {
    violated(name_of(request) + " was dropped before its deadline", now);
  }
  // What is certain to be too late is so by the runs before it and its own.
  if (reason == DropReason::kHopeless) {
    const Duration most = longest_run_ * static_cast<Duration::rep>(waiting_ + 1);
    if (known.deadline == TimePoint::max() || known.deadline - now > most) {
      violated(name_of(request) + " was given up while there was time for it", now);
    }
  }
  leave(request, false, now);
}

void Invariants::check_reason(const Batch& batch, TimePoint now) {
  const int size = static_cast<int>(batch.requests.size());
  const int ceiling = ceilings_[batch.bucket];
  const std::string which = "a batch of " + std::to_string(size) + " closed as ";
  const std::string reason(to_string(batch.reason));
  bool holds = true;
  switch (batch.reason) {
    case CloseReason::kFull: holds = size == options_.policy.batch_max; break;
    case CloseReason::kMemory:
      holds = size == ceiling && ceiling < options_.policy.batch_max;
      break;
    case CloseReason::kDelay: {
      TimePoint since = oldest(batch.bucket);
      for (const Dropped& dropped : batch.dropped) {  // was still waiting when it was decided
        since = std::min(since, known_[dropped.request->sequence].queued);
      }
      holds = since + options_.policy.queue_delay <= now;
      break;
    }
    case CloseReason::kFlush: holds = closed_; break;
    case CloseReason::kBypass:
      holds = size == 1 &&
              workload_[batch.requests[0]->sequence].priority == Priority::kRealtime;
      break;
    case CloseReason::kDeadline:
      holds = std::any_of(known_.begin(), known_.end(), [](const Known& known) {
        return known.waiting && known.deadline != TimePoint::max();
      });
      break;
    case CloseReason::kIdle: break;
  }
  if (!holds) violated(which + reason, now);
}

void Invariants::check_batch(const Batch& batch, LaneKind kind, const LaneState& lanes,
                             TimePoint now) {
  const int size = static_cast<int>(batch.requests.size());
  if (size < 1 || size > ceilings_[batch.bucket]) {
    violated("a batch of " + std::to_string(size) + " where " +
                 std::to_string(ceilings_[batch.bucket]) + " is the most",
             now);
  }
  check_reason(batch, now);
  const bool realtime = batch.reason == CloseReason::kBypass;
  if (kind == LaneKind::kBypass && !realtime &&
      !(waiting_ == 1 && size == 1 && lanes.idle_regular == options_.lane_count)) {
    violated("the bypass lane got a request that is neither realtime nor alone", now);
  }
  if (kind == LaneKind::kRegular && realtime && lanes.bypass_idle) {
    violated("a regular lane took a realtime request from the idle bypass lane", now);
  }
  for (const auto& request : batch.requests) {
    const auto index = static_cast<std::size_t>(request->sequence);
    const Known& known = known_[index];
    if (request->bucket != batch.bucket) violated(name_of(index) + " is of another bucket", now);
    if (known.cancelled) violated(name_of(index) + " was cancelled and reached a lane", now);
    if (known.deadline <= now) violated(name_of(index) + " had expired and reached a lane", now);
    if (!realtime && workload_[index].priority == Priority::kRealtime) {
      violated(name_of(index) + " is realtime and was batched", now);
    }
    if (known.alone && now - known.queued > options_.policy.queue_delay + longest_run_) {
      violated(name_of(index) + " waited alone, beyond the delay and one batch", now);
    }
  }
}

// The request is about to leave: whoever is due earlier should have gone before it.
void Invariants::check_turn(std::size_t request, bool first, TimePoint now) {
  const FlowKey own_key = flow_of(request);
  const auto own = flows_.find(own_key);
  if (own == flows_.end()) return;  // leave() complains
  const bool realtime = std::get<Priority>(own_key) == Priority::kRealtime;
  const TimePoint turn = turn_of(own_key, own->second);
  for (const auto& [key, flow] : flows_) {
    if ((std::get<Priority>(key) == Priority::kRealtime) != realtime) continue;
    if (turn_of(key, flow) >= turn) continue;
    const std::size_t bucket = std::get<0>(key);
    const bool same = bucket == std::get<0>(own_key);
    const bool may_launch = realtime || oldest(bucket) + options_.policy.queue_delay <= now;
    if (same || (first && may_launch)) {
      violated(name_of(request) + " took the turn of " + name_of(flow.waiting.front()), now);
      return;
    }
  }
}

// A launch on a regular lane, for those that are due and may launch.
void Invariants::count_launch(TimePoint now) {
  for (auto& [key, flow] : flows_) {
    if (std::get<Priority>(key) == Priority::kRealtime || turn_of(key, flow) > now ||
        oldest(std::get<0>(key)) + options_.policy.queue_delay > now) {
      continue;
    }
    if (flow.launches_when_due == 0) flow.flows_when_due = static_cast<int>(flows_.size());
    if (++flow.launches_when_due > 2 * flow.flows_when_due + 2) {
      violated(name_of(flow.waiting.front()) + " starves: " +
                   std::to_string(flow.launches_when_due) + " batches went before it, with " +
                   std::to_string(flow.flows_when_due) + " flows in line",
               now);
    }
  }
}

void Invariants::launched(const Batch& batch, LaneKind kind, const LaneState& lanes,
                          TimePoint now) {
  check_batch(batch, kind, lanes, now);
  bool first = true;
  for (const auto& request : batch.requests) {
    const auto index = static_cast<std::size_t>(request->sequence);
    check_turn(index, first, now);
    leave(index, true, now);
    first = false;
  }
  if (kind == LaneKind::kRegular) count_launch(now);
}

void Invariants::settled(const LaneState& lanes, TimePoint now) {
  if (waiting_ == 0) return;
  if (realtime_waiting_ > 0 && (lanes.bypass_idle || lanes.idle_regular > 0)) {
    violated("a lane is idle and a realtime request waits", now);
  }
  if (lanes.idle_regular == 0) return;
  for (std::size_t bucket = 0; bucket < options_.bucket_count; ++bucket) {
    const TimePoint since = oldest(bucket);
    if (since != TimePoint::max() && (closed_ || now - since > options_.policy.queue_delay)) {
      violated("a lane is idle and a request waits beyond the delay", now);
    }
  }
}

void Invariants::ended(std::size_t request) { ++known_[request].answers; }

void Invariants::finished() {
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (known_[i].answers == 1) continue;
    violated(name_of(i) + " was answered " + std::to_string(known_[i].answers) + " times", {});
  }
}

}  // namespace shoal
