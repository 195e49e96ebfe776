#include "scheduler/policy.h"

#include <algorithm>

namespace shoal {
namespace {

// Whether a picture is enough cheaper in a full batch than in one of `count` that takes `run_time`.
// Unknown times promise nothing.
bool full_is_cheaper(const Policy& policy, const BucketView& bucket,
                     const std::optional<Duration>& run_time, int count) {
  if (!run_time || !bucket.run_time_full) return false;
  const double each = to_milliseconds(*run_time) / count;
  const double full_each = to_milliseconds(*bucket.run_time_full) / policy.batch_max;
  return full_each < each * (1 - policy.worthwhile_gain);
}

// The last moment at which this bucket still waits; what closes it then.
struct Limit {
  TimePoint time;
  CloseReason reason;
};

Limit limit_of(const Policy& policy, const BucketView& bucket) {
  Limit limit{bucket.oldest + policy.queue_delay, CloseReason::kDelay};
  if (bucket.earliest_deadline) {
    const Duration run = bucket.run_time_full.value_or(Duration::zero());
    const TimePoint latest = *bucket.earliest_deadline - run;
    if (latest < limit.time) limit = {latest, CloseReason::kDeadline};
  }
  return limit;
}

std::optional<CloseReason> close_reason(const Policy& policy, const QueueView& view,
                                        const BucketView& bucket, TimePoint now) {
  if (view.flushing) return CloseReason::kFlush;
  if (bucket.waiting >= policy.batch_max) return CloseReason::kFull;
  // A picture may have waited long for a lane; that is not why it goes now.
  if (!full_is_cheaper(policy, bucket, bucket.run_time_now, bucket.waiting)) {
    return CloseReason::kIdle;
  }
  const Limit limit = limit_of(policy, bucket);
  if (limit.time <= now) return limit.reason;
  return std::nullopt;
}

}  // namespace

Decision decide(const Policy& policy, const QueueView& view, TimePoint now) {
  const BucketView* best = nullptr;
  CloseReason best_reason = CloseReason::kFull;
  std::optional<TimePoint> wake;
  for (const BucketView& bucket : view.buckets) {
    if (bucket.waiting == 0) continue;
    const auto reason = close_reason(policy, view, bucket, now);
    if (!reason) {
      const TimePoint limit = limit_of(policy, bucket).time;
      wake = wake ? std::min(*wake, limit) : limit;
    } else if (best == nullptr || bucket.oldest < best->oldest) {
      best = &bucket;
      best_reason = *reason;
    }
  }
  if (best == nullptr) return wake ? Decision(WaitUntil{*wake}) : Decision(Idle{});
  const bool batches_pay = full_is_cheaper(policy, *best, best->run_time_one, 1);
  const int lanes = std::max(1, batches_pay ? view.idle_lanes : view.lane_count);
  const int share = (best->waiting + lanes - 1) / lanes;
  const int count = std::min(policy.batch_max, share);
  if (count == policy.batch_max) {
    best_reason = CloseReason::kFull;
  } else if (best_reason == CloseReason::kFull) {
    best_reason = CloseReason::kIdle;
  }
  return Launch{best->bucket, count, best_reason};
}

}  // namespace shoal
