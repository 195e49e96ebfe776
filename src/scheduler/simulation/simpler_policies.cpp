#include "scheduler/simulation/simpler_policies.h"

#include <algorithm>
#include <utility>

namespace shoal {

std::string_view to_string(SimplerPolicy policy) {
  switch (policy) {
    case SimplerPolicy::kNoBatching: return "no batching";
    case SimplerPolicy::kFixedBatch: return "fixed batch";
    case SimplerPolicy::kFirstInFirstOut: return "first in, first out";
  }
  return "unknown";
}

SimplerScheduler::SimplerScheduler(SimplerPolicy kind, const BatcherOptions& options)
    : kind_(kind),
      options_(options),
      queues_(kind == SimplerPolicy::kFixedBatch ? options.bucket_count : 1) {}

Admission SimplerScheduler::admit(const Request& /*request*/, TimePoint /*now*/) const {
  return {};
}

std::size_t SimplerScheduler::queue_of(const Request& request) const {
  return kind_ == SimplerPolicy::kFixedBatch ? request.bucket : 0;
}

Pushed SimplerScheduler::submit(std::unique_ptr<Request>& request, TimePoint now) {
  if (waiting_ >= options_.queue_limit) return Pushed::kRejected;
  ++waiting_;
  request->queued = now;
  Queue& queue = queues_[queue_of(*request)];
  queue.push_back(std::move(request));
  return Pushed::kAccepted;
}

void SimplerScheduler::idle(LaneKind /*kind*/) { ++idle_; }
void SimplerScheduler::busy(LaneKind /*kind*/) { --idle_; }

Wake SimplerScheduler::wake() const { return {.regular = idle_ > 0 && waiting_ > 0}; }

SimplerScheduler::Front SimplerScheduler::front_of(const Queue& queue, TimePoint now) const {
  Front front;
  const auto most = kind_ == SimplerPolicy::kNoBatching
                        ? std::size_t{1}
                        : static_cast<std::size_t>(options_.policy.batch_max);
  while (front.count < std::min(most, queue.size()) &&
         queue[front.count]->bucket == queue.front()->bucket) {
    ++front.count;
  }
  front.closed = closed_ || front.count == most || front.count < queue.size() ||
                 queue.front()->queued + options_.policy.queue_delay <= now;
  return front;
}

void SimplerScheduler::drop_expired(Queue& queue, Batch& batch, TimePoint now) {
  while (!queue.empty() && queue.front()->deadline && *queue.front()->deadline <= now) {
    batch.dropped.push_back({std::move(queue.front()), DropReason::kExpired});
    queue.pop_front();
    --waiting_;
  }
}

Decision SimplerScheduler::ask(Batch& batch, LaneKind /*kind*/, TimePoint now) {
  Queue* oldest = nullptr;
  TimePoint until = TimePoint::max();
  for (Queue& queue : queues_) {
    drop_expired(queue, batch, now);
    if (queue.empty()) continue;
    if (!front_of(queue, now).closed) {
      until = std::min(until, queue.front()->queued + options_.policy.queue_delay);
    } else if (oldest == nullptr || queue.front()->queued < oldest->front()->queued) {
      oldest = &queue;
    }
  }
  if (oldest == nullptr) {
    return until == TimePoint::max() ? Decision(Idle{}) : Decision(WaitUntil{until});
  }
  const std::size_t count = front_of(*oldest, now).count;
  batch.bucket = oldest->front()->bucket;
  batch.reason = CloseReason::kIdle;
  for (std::size_t i = 0; i < count; ++i) {
    batch.requests.push_back(std::move(oldest->front()));
    oldest->pop_front();
  }
  waiting_ -= count;
  return Launch{batch.bucket, static_cast<int>(count), batch.reason};
}

}  // namespace shoal
