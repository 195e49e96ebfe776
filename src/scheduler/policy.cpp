#include "scheduler/policy.h"

#include <algorithm>

namespace shoal {
namespace {

double each(std::span<const Duration> run_times, int count) {
  return static_cast<double>(run_times[static_cast<std::size_t>(count) - 1].count()) / count;
}

// Whether a picture is enough cheaper in a full batch than in one of `count`. Unknown times promise
// nothing.
bool full_is_cheaper(const Policy& policy, const BucketView& bucket, int count) {
  if (bucket.run_times.empty() || count >= bucket.batch_max) return false;
  return each(bucket.run_times, bucket.batch_max) <
         each(bucket.run_times, count) * (1 - policy.worthwhile_gain);
}

CloseReason full_reason(const Policy& policy, const BucketView& bucket) {
  return bucket.batch_max < policy.batch_max ? CloseReason::kMemory : CloseReason::kFull;
}

// The last moment at which this bucket still waits; what closes it then.
struct Limit {
  TimePoint time;
  CloseReason reason;
};

Limit limit_of(const Policy& policy, const BucketView& bucket) {
  Limit limit{bucket.oldest + policy.queue_delay, CloseReason::kDelay};
  if (bucket.earliest_deadline) {
    const Duration run = bucket.run_times.empty()
                             ? Duration::zero()
                             : bucket.run_times[static_cast<std::size_t>(bucket.batch_max) - 1];
    const TimePoint latest = *bucket.earliest_deadline - run;
    if (latest < limit.time) limit = {latest, CloseReason::kDeadline};
  }
  return limit;
}

std::optional<CloseReason> close_reason(const Policy& policy, const QueueView& view,
                                        const BucketView& bucket, const Limit& limit,
                                        TimePoint now) {
  if (view.flushing) return CloseReason::kFlush;
  if (bucket.waiting >= bucket.batch_max) return full_reason(policy, bucket);
  // A picture may have waited long for a lane; that is not why it goes now.
  if (!full_is_cheaper(policy, bucket, bucket.waiting)) return CloseReason::kIdle;
  if (limit.time <= now) return limit.reason;
  return std::nullopt;
}

// What of the queue matters before batches are weighed against each other.
struct Totals {
  int waiting = 0;
  const BucketView* only = nullptr;      // some bucket that has a request, realtime apart
  const BucketView* realtime = nullptr;  // the bucket whose realtime request goes first
  std::optional<TimePoint> turn;         // the smallest of all but realtime requests
};

Totals totals_of(const QueueView& view) {
  Totals totals;
  for (const BucketView& bucket : view.buckets) {
    totals.waiting += bucket.waiting + bucket.realtime;
    if (bucket.waiting > 0) {
      totals.only = &bucket;
      if (!totals.turn || bucket.turn < *totals.turn) totals.turn = bucket.turn;
    }
    if (bucket.realtime > 0 &&
        (totals.realtime == nullptr || bucket.realtime_turn < totals.realtime->realtime_turn)) {
      totals.realtime = &bucket;
    }
  }
  return totals;
}

// Whether there is one request only, not a realtime one, and nothing runs on regular lanes.
bool is_lone(const QueueView& view, const Totals& totals) {
  return totals.waiting == 1 && totals.only != nullptr && view.idle_lanes == view.lane_count;
}

Decision decide_bypass(const QueueView& view, const Totals& totals) {
  if (totals.realtime != nullptr) {
    return Launch{totals.realtime->bucket, 1, CloseReason::kBypass};
  }
  if (is_lone(view, totals)) return Launch{totals.only->bucket, 1, CloseReason::kIdle};
  return Idle{};
}

// The largest size up to `count` that is done by the earliest deadline, if a picture of it costs
// little more; else `count`: lateness of one does not pay for slowness of all.
int in_time(const Policy& policy, const BucketView& bucket, int count, TimePoint now) {
  if (!bucket.earliest_deadline || bucket.run_times.empty()) return count;
  const Duration left = *bucket.earliest_deadline - now;
  int size = count;
  while (size > 0 && bucket.run_times[static_cast<std::size_t>(size) - 1] > left) --size;
  if (size == 0) return count;
  const double most = each(bucket.run_times, count) * (1 + policy.worthwhile_gain);
  return each(bucket.run_times, size) <= most ? size : count;
}

Launch launch(const Policy& policy, const QueueView& view, const BucketView& bucket,
              CloseReason reason, TimePoint now) {
  const bool batches_pay = full_is_cheaper(policy, bucket, 1);
  const int lanes = std::max(1, batches_pay ? view.idle_lanes : view.lane_count);
  const int share = std::min(bucket.batch_max, (bucket.waiting + lanes - 1) / lanes);
  const int size = view.exploring ? share : smallest_as_cheap(policy, bucket, share);
  const int count = in_time(policy, bucket, size, now);
  if (count == bucket.batch_max) {
    reason = full_reason(policy, bucket);
  } else if (reason == CloseReason::kFull || reason == CloseReason::kMemory) {
    reason = CloseReason::kIdle;
  }
  return {bucket.bucket, count, reason};
}

}  // namespace

int smallest_as_cheap(const Policy& policy, const BucketView& bucket, int count) {
  if (policy.tolerated_loss < 0 || bucket.run_times.empty() || bucket.known_max == 0) return count;
  if (count > bucket.known_max) {
    // Larger batches are tried in steps, as long as they have paid so far.
    const bool pays = bucket.known_max == 1 || each(bucket.run_times, bucket.known_max) <
                                                   each(bucket.run_times, 1) *
                                                       (1 - policy.worthwhile_gain);
    if (pays) return std::min(count, 2 * bucket.known_max);
    count = bucket.known_max;
  }
  const double most = each(bucket.run_times, count) * (1 + policy.tolerated_loss);
  int smallest = 1;
  while (smallest < count && each(bucket.run_times, smallest) > most) ++smallest;
  return smallest;
}

Decision decide(const Policy& policy, const QueueView& view, TimePoint now) {
  const Totals totals = totals_of(view);
  if (view.asking == LaneKind::kBypass) return decide_bypass(view, totals);
  const bool realtime_here = totals.realtime != nullptr && !view.bypass_idle;
  const bool another_is_due = totals.turn && *totals.turn <= now;
  if (realtime_here && !(view.realtime_before && another_is_due)) {
    return Launch{totals.realtime->bucket, 1, CloseReason::kBypass};
  }
  if (view.bypass_idle && is_lone(view, totals)) return Idle{};
  const BucketView* best = nullptr;
  CloseReason best_reason = CloseReason::kFull;
  std::optional<TimePoint> wake;
  for (const BucketView& bucket : view.buckets) {
    if (bucket.waiting == 0) continue;
    const Limit limit = limit_of(policy, bucket);
    const auto reason = close_reason(policy, view, bucket, limit, now);
    if (!reason) {
      wake = wake ? std::min(*wake, limit.time) : limit.time;
    } else if (best == nullptr || bucket.turn < best->turn) {
      best = &bucket;
      best_reason = *reason;
    }
  }
  if (best != nullptr) return launch(policy, view, *best, best_reason, now);
  if (realtime_here) return Launch{totals.realtime->bucket, 1, CloseReason::kBypass};
  return wake ? Decision(WaitUntil{*wake}) : Decision(Idle{});
}

}  // namespace shoal
