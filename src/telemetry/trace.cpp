#include "telemetry/trace.h"

#include <algorithm>

#include "telemetry/trace_events.h"

namespace shoal {
namespace {

constexpr int kLockAttempts = 200;  // a few microseconds

}  // namespace

void Trace::start(std::size_t requests_max) {
  std::vector<TracedRequest> ring(std::max<std::size_t>(1, requests_max));
  const std::lock_guard lock(mutex_);
  ring_ = std::move(ring);
  added_ = 0;
  missed_.store(0, std::memory_order_relaxed);
  running_.store(true, std::memory_order_relaxed);
}

void Trace::stop() { running_.store(false, std::memory_order_relaxed); }

void Trace::add(int model, const RequestRecord& record) noexcept {
  if (!running()) return;
  std::unique_lock lock(mutex_, std::defer_lock);
  for (int attempt = 0; attempt < kLockAttempts && !lock.owns_lock(); ++attempt) lock.try_lock();
  if (!lock.owns_lock()) {
    missed_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  TracedRequest& traced = ring_[added_++ % ring_.size()];
  traced.model = model;
  traced.request_id.assign(record.request_id);
  traced.door.assign(record.door);
  traced.arrived = record.arrived;
  traced.answered = record.answered;
  traced.input = record.input;
  traced.priority = record.priority;
  traced.work = record.work;
  traced.batch = record.batch;
  traced.batch_size = record.batch_size;
  traced.times = record.times;
  traced.error = record.error;
  traced.detections = record.detections;
}

std::vector<TracedRequest> Trace::take_copy() const {
  std::vector<TracedRequest> copy;
  const std::lock_guard lock(mutex_);
  const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(added_, ring_.size()));
  copy.reserve(count);
  for (std::uint64_t i = added_ - count; i < added_; ++i) copy.push_back(ring_[i % ring_.size()]);
  return copy;
}

std::string Trace::json(const ModelName& model_name) const {
  return trace_events_json(take_copy(), missed(), model_name);
}

}  // namespace shoal
