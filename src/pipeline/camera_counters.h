// What is counted of a camera while it runs, by its own thread, lanes and the analysis.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/camera_control.h"
#include "pipeline/frame_rate.h"

namespace shoal {

// Threads  all methods by any thread.
class CameraCounters {
 public:
  CameraCounters() { failure_.reserve(kFailureLength); }

  void packet(std::size_t bytes) {
    packets_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  void decoded(TimePoint now) {
    decoded_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    in_.add(now);
  }
  void drop(FrameDrop reason, std::uint64_t count = 1) {
    dropped_[static_cast<std::size_t>(reason)].fetch_add(count, std::memory_order_relaxed);
  }
  // Came, and was not worth decoding.
  void left_out(FrameDrop reason, std::uint64_t count, TimePoint now) {
    if (count == 0) return;
    drop(reason, count);
    const std::lock_guard lock(mutex_);
    for (std::uint64_t i = 0; i < count; ++i) in_.add(now);
  }
  void analysed(Duration latency, bool late, TimePoint captured, TimePoint now) {
    analysed_.fetch_add(1, std::memory_order_relaxed);
    if (late) late_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    out_.add(now);
    latency_.add(latency);
    newest_ = captured;
    failing_since_.reset();
  }
  // A frame that could not be analysed.
  void failed(std::string_view why, TimePoint now) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    if (!failing_since_) failing_since_ = now;
    failure_.assign(why.substr(0, kFailureLength));
  }
  void alarm() { alarms_.fetch_add(1, std::memory_order_relaxed); }
  void connected() { connects_.fetch_add(1, std::memory_order_relaxed); }

  // Since when every frame that a lane took has failed, where that is as long as `patience`, and
  // why the last one did.
  struct Failing {
    Duration time{};
    std::string why;
  };
  [[nodiscard]] std::optional<Failing> failing(Duration patience, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (!failing_since_ || now - *failing_since_ < patience) return {};
    return Failing{now - *failing_since_, failure_};
  }

  void fill(CameraStatus& status, TimePoint now) {
    status.packets = packets_.load(std::memory_order_relaxed);
    status.bytes = bytes_.load(std::memory_order_relaxed);
    status.decoded = decoded_.load(std::memory_order_relaxed);
    status.analysed = analysed_.load(std::memory_order_relaxed);
    status.late = late_.load(std::memory_order_relaxed);
    status.errors = errors_.load(std::memory_order_relaxed);
    status.alarms = alarms_.load(std::memory_order_relaxed);
    status.connects = connects_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < kFrameDropCount; ++i) {
      status.dropped[i] = dropped_[i].load(std::memory_order_relaxed);
    }
    const std::lock_guard lock(mutex_);
    status.fps_in = in_.per_second(now);
    status.fps_out = out_.per_second(now);
    status.latency_ms_p50 = to_milliseconds(latency_.quantile(0.5));
    status.latency_ms_p99 = to_milliseconds(latency_.quantile(0.99));
    status.age_ms.reset();
    if (newest_ != TimePoint{}) status.age_ms = to_milliseconds(now - newest_);
  }

 private:
  static constexpr std::size_t kFailureLength = 512;
  using Count = std::atomic<std::uint64_t>;
  Count packets_{0};
  Count bytes_{0};
  Count decoded_{0};
  Count analysed_{0};
  Count late_{0};
  Count errors_{0};
  Count alarms_{0};
  Count connects_{0};
  std::array<Count, kFrameDropCount> dropped_{};
  std::mutex mutex_;  // guards what follows
  RateWindow in_;
  RateWindow out_;
  RecentDurations latency_;
  TimePoint newest_{};
  std::optional<TimePoint> failing_since_;
  std::string failure_;  // reserved: a failed frame allocates nothing
};

}  // namespace shoal
