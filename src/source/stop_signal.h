// A stop that wakes a waiting source, and the pace of sources that play in real time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "core/clock.h"

namespace shoal {

// Threads  all functions by any thread.
class StopSignal {
 public:
  void request() noexcept {
    {
      const std::lock_guard lock(mutex_);
      requested_.store(true, std::memory_order_release);
    }
    wake_.notify_all();
  }
  [[nodiscard]] bool requested() const noexcept {
    return requested_.load(std::memory_order_acquire);
  }
  // Returns false where a stop came first.
  [[nodiscard]] bool wait_until(TimePoint time) {
    std::unique_lock lock(mutex_);
    return !wake_.wait_until(lock, time, [this] { return requested(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> requested_{false};
};

// Holds each item back until its media time has come. The first item starts the clock, and a
// reader that fell behind by more than a second starts it again instead of catching up in a rush.
class Pacer {
 public:
  explicit Pacer(StopSignal& stop) : stop_(stop) {}

  // Returns false where a stop came first.
  [[nodiscard]] bool wait_for(std::chrono::nanoseconds media_time) {
    const TimePoint now = Clock::now();
    const TimePoint due = start_.value_or(now) + media_time;
    if (!start_ || now - due > std::chrono::seconds(1)) {
      start_ = now - media_time;
      return !stop_.requested();
    }
    return stop_.wait_until(due);
  }
  void restart() { start_.reset(); }

 private:
  StopSignal& stop_;
  std::optional<TimePoint> start_;
};

}  // namespace shoal
