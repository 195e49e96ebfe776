#include "scheduler/batcher.h"

#include <utility>

#include "core/check.h"

namespace shoal {

Batcher::Batcher(const BatcherOptions& options) : dispatcher_(options) {}

Batcher::~Batcher() {
  SHOAL_CHECK(dispatcher_.waiting() == 0, "every request is answered before the end");
}

// Whom to notify, once the lock is released.
Wake Batcher::mark_locked() {
  Wake wake = dispatcher_.wake();
  Waiters& regular = waiters_[static_cast<std::size_t>(LaneKind::kRegular)];
  Waiters& bypass = waiters_[static_cast<std::size_t>(LaneKind::kBypass)];
  wake.regular = wake.regular && !std::exchange(regular.notified, regular.notified || wake.regular);
  wake.bypass = wake.bypass && !std::exchange(bypass.notified, bypass.notified || wake.bypass);
  return wake;
}

void Batcher::notify(Wake wake) {
  if (wake.regular) waiters_[static_cast<std::size_t>(LaneKind::kRegular)].work.notify_one();
  if (wake.bypass) waiters_[static_cast<std::size_t>(LaneKind::kBypass)].work.notify_one();
}

Pushed Batcher::submit(std::unique_ptr<Request>& request, Overflow overflow, TimePoint now) {
  SHOAL_CHECK(overflow != Overflow::kDropOldest, "doors evict, the scheduler does not");
  std::unique_lock lock(mutex_);
  if (overflow == Overflow::kBlock && !dispatcher_.has_room(*request)) {
    ++blocked_;
    room_.wait(lock, [&] { return dispatcher_.closed() || dispatcher_.has_room(*request); });
    --blocked_;
  }
  const Pushed pushed = dispatcher_.submit(request, now);
  if (pushed != Pushed::kAccepted) return pushed;
  const Wake wake = mark_locked();
  lock.unlock();
  notify(wake);
  return pushed;
}

void Batcher::submit_together(std::span<std::unique_ptr<Request>> requests, TimePoint now) {
  std::unique_lock lock(mutex_);
  for (std::unique_ptr<Request>& request : requests) {
    if (request) (void)dispatcher_.submit(request, now);
  }
  const Wake wake = mark_locked();
  lock.unlock();
  notify(wake);
}

bool Batcher::next(Batch& batch, LaneKind kind) {
  batch.requests.clear();
  batch.dropped.clear();
  Waiters& waiters = waiters_[static_cast<std::size_t>(kind)];
  std::unique_lock lock(mutex_);
  dispatcher_.idle(kind);
  for (;;) {
    const Decision decision = dispatcher_.ask(batch, kind, Clock::now());
    if (!batch.requests.empty() || !batch.dropped.empty()) break;
    if (dispatcher_.closed() && dispatcher_.waiting() == 0) break;
    // This lane leaves what waits alone; what it leaves to the other kind, that one has to know.
    const Wake wake = dispatcher_.wake();
    if (kind == LaneKind::kRegular && wake.bypass) notify({.regular = false, .bypass = true});
    if (kind == LaneKind::kBypass && wake.regular) notify({.regular = true, .bypass = false});
    if (const auto* wait = std::get_if<WaitUntil>(&decision)) {
      waiters.work.wait_until(lock, wait->time);
    } else {
      waiters.work.wait(lock);
    }
    waiters.notified = false;
  }
  dispatcher_.busy(kind);
  const bool got = !batch.requests.empty() || !batch.dropped.empty();
  const Wake wake = mark_locked();
  const bool room = got && blocked_ > 0;
  const bool over = dispatcher_.closed() && dispatcher_.waiting() == 0;
  lock.unlock();
  if (over) {  // for lanes that left the last requests to others
    for (Waiters& others : waiters_) others.work.notify_all();
  } else {
    notify(wake);
  }
  if (room) room_.notify_all();
  return got;
}

void Batcher::learn(std::size_t bucket, int count, Duration run_time, LaneKind kind) {
  const TimePoint now = Clock::now();
  const std::lock_guard lock(mutex_);
  dispatcher_.learn(bucket, count, run_time, kind, now);
}

void Batcher::limit_batch(std::size_t bucket, int count) {
  const std::lock_guard lock(mutex_);
  dispatcher_.limit_batch(bucket, count);
}

Admission Batcher::admit(const Request& request, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return dispatcher_.admit(request, now);
}

Duration Batcher::expected_wait(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return dispatcher_.expected_wait(now);
}

void Batcher::close() {
  {
    const std::lock_guard lock(mutex_);
    dispatcher_.close();
  }
  for (Waiters& waiters : waiters_) waiters.work.notify_all();
  room_.notify_all();
}

std::vector<std::unique_ptr<Request>> Batcher::abandon() {
  std::vector<std::unique_ptr<Request>> dropped;
  {
    const std::lock_guard lock(mutex_);
    dispatcher_.close();
    while (auto request = dispatcher_.take_any()) dropped.push_back(std::move(request));
  }
  for (Waiters& waiters : waiters_) waiters.work.notify_all();
  room_.notify_all();
  return dropped;
}

std::size_t Batcher::waiting() const {
  const std::lock_guard lock(mutex_);
  return dispatcher_.waiting();
}

int Batcher::idle_lanes() const {
  const std::lock_guard lock(mutex_);
  return dispatcher_.idle_regular();
}

}  // namespace shoal
