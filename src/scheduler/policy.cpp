#include "scheduler/policy.h"

#include <algorithm>

namespace shoal {
namespace {

// Whether a full batch is enough cheaper a picture to wait for. Unknown times never justify a
// wait.
bool waiting_pays(const Policy& policy, const BucketView& bucket) {
  if (!bucket.run_time_now || !bucket.run_time_full) return false;
  const double now_each = to_milliseconds(*bucket.run_time_now) / bucket.waiting;
  const double full_each = to_milliseconds(*bucket.run_time_full) / policy.batch_max;
  return full_each < now_each * (1 - policy.worthwhile_gain);
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
  if (bucket.waiting >= policy.batch_max) return CloseReason::kFull;
  if (view.flushing) return CloseReason::kFlush;
  const Limit limit = limit_of(policy, bucket);
  if (limit.time <= now) return limit.reason;
  if (!waiting_pays(policy, bucket)) return CloseReason::kIdle;
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
  // Several idle lanes share what waits, so that none is idle while another works off a queue.
  const int lanes = std::max(1, view.idle_lanes);
  const int share = (best->waiting + lanes - 1) / lanes;
  return Launch{best->bucket, std::min(policy.batch_max, share), best_reason};
}

}  // namespace shoal
