#include "scheduler/batcher.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace shoal {

// A first-in-first-out ring of fixed capacity.
class Batcher::Ring {
 public:
  explicit Ring(std::size_t capacity) : slots_(capacity) {}
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const Request& at(std::size_t i) const {
    return *slots_[(first_ + i) % slots_.size()];
  }
  void push(std::unique_ptr<Request> request) {
    slots_[(first_ + size_) % slots_.size()] = std::move(request);
    ++size_;
  }
  [[nodiscard]] std::unique_ptr<Request> pop() {
    auto request = std::move(slots_[first_]);
    first_ = (first_ + 1) % slots_.size();
    --size_;
    return request;
  }

 private:
  std::vector<std::unique_ptr<Request>> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

Batcher::Batcher(const BatcherOptions& options)
    : options_(options),
      views_(options.bucket_count),
      run_times_(options.bucket_count, options.policy.batch_max),
      ceilings_(options.bucket_count, options.policy.batch_max) {
  SHOAL_CHECK(options.bucket_count > 0 && options.queue_limit > 0, "a bucket and room to queue");
  queues_.reserve(options.bucket_count);
  for (std::size_t i = 0; i < options.bucket_count; ++i) queues_.emplace_back(options.queue_limit);
}

Batcher::~Batcher() { SHOAL_CHECK(waiting_ == 0, "every request is answered before the end"); }

Pushed Batcher::submit(std::unique_ptr<Request>& request, Overflow overflow, TimePoint now) {
  SHOAL_CHECK(request->bucket < queues_.size(), "the bucket of a loaded model");
  SHOAL_CHECK(overflow != Overflow::kDropOldest, "doors evict, the scheduler does not");
  std::unique_lock lock(mutex_);
  if (overflow == Overflow::kBlock) {
    room_.wait(lock, [this] { return closed_ || waiting_ < options_.queue_limit; });
  }
  if (closed_) return Pushed::kClosed;
  if (waiting_ >= options_.queue_limit) return Pushed::kRejected;
  request->queued = now;
  queues_[request->bucket].push(std::move(request));
  ++waiting_;
  const bool wake = idle_lanes_ > 0;
  lock.unlock();
  if (wake) work_.notify_one();
  return Pushed::kAccepted;
}

bool Batcher::next(Batch& batch, LaneKind kind) {
  (void)kind;
  batch.requests.clear();
  batch.dropped.clear();
  std::unique_lock lock(mutex_);
  ++idle_lanes_;
  for (;;) {
    const Decision decision = decide_locked(Clock::now());
    if (const auto* launch = std::get_if<Launch>(&decision)) {
      take_locked(*launch, batch);
      break;
    }
    if (closed_ && waiting_ == 0) break;
    if (const auto* wait = std::get_if<WaitUntil>(&decision)) {
      work_.wait_until(lock, wait->time);
    } else {
      work_.wait(lock);
    }
  }
  --idle_lanes_;
  const bool more = waiting_ > 0 && idle_lanes_ > 0;
  lock.unlock();
  if (more) work_.notify_one();
  if (!batch.requests.empty()) room_.notify_all();
  return !batch.requests.empty();
}

Decision Batcher::decide_locked(TimePoint now) {
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    const Ring& queue = queues_[i];
    BucketView& view = views_[i];
    view = {.bucket = i, .waiting = static_cast<int>(queue.size()), .oldest = {},
            .earliest_deadline = {}, .run_time_one = {}, .run_time_now = {}, .run_time_full = {}};
    if (queue.size() == 0) continue;
    view.oldest = queue.at(0).queued;
    const int batch_max = options_.policy.batch_max;
    const int reach = std::min(view.waiting, batch_max);
    for (int k = 0; k < reach; ++k) {
      const auto& deadline = queue.at(static_cast<std::size_t>(k)).deadline;
      if (deadline && (!view.earliest_deadline || *deadline < *view.earliest_deadline)) {
        view.earliest_deadline = deadline;
      }
    }
    view.run_time_one = run_times_.estimate(i, 1);
    view.run_time_now = run_times_.estimate(i, reach);
    view.run_time_full = run_times_.estimate(i, batch_max);
  }
  return decide(options_.policy,
                {.buckets = views_, .idle_lanes = idle_lanes_,
                 .lane_count = options_.lane_count, .flushing = closed_},
                now);
}

void Batcher::take_locked(const Launch& launch, Batch& batch) {
  batch.id = ++batches_;
  batch.batch_max = options_.policy.batch_max;
  batch.bucket = launch.bucket;
  batch.reason = launch.reason;
  for (int i = 0; i < launch.count; ++i) {
    batch.requests.push_back(queues_[launch.bucket].pop());
  }
  waiting_ -= static_cast<std::size_t>(launch.count);
}

void Batcher::learn(std::size_t bucket, int count, Duration run_time, LaneKind kind) {
  if (kind == LaneKind::kBypass) return;
  const std::lock_guard lock(mutex_);
  run_times_.learn(bucket, count, run_time);
}

void Batcher::limit_batch(std::size_t bucket, int count) {
  const std::lock_guard lock(mutex_);
  ceilings_[bucket] = std::clamp(count, 1, options_.policy.batch_max);
}

Admission Batcher::admit(const Request& request, TimePoint now) const {
  return shoal::admit({.expected_wait = expected_wait(now), .run_time = {}}, request.deadline, now);
}

Duration Batcher::expected_wait(TimePoint /*now*/) const {
  const std::lock_guard lock(mutex_);
  Duration work{};
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    const auto one = run_times_.estimate(i, 1).value_or(Duration::zero());
    work += one * static_cast<Duration::rep>(queues_[i].size());
  }
  return work / options_.lane_count;
}

void Batcher::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  work_.notify_all();
  room_.notify_all();
}

std::vector<std::unique_ptr<Request>> Batcher::abandon() {
  std::vector<std::unique_ptr<Request>> dropped;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (Ring& queue : queues_) {
      while (queue.size() > 0) dropped.push_back(queue.pop());
    }
    waiting_ = 0;
  }
  work_.notify_all();
  room_.notify_all();
  return dropped;
}

std::size_t Batcher::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace shoal
