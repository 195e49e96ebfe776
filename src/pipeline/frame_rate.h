// Which frames of a camera are wanted, by fps_max; and how many a second there were lately. Pure:
// time is passed in.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/clock.h"

namespace shoal {

// Thins a camera's frames to a highest rate, evenly: of 25 a second to 10 every second or third one
// passes, and the long-run rate is 10.
//
// Threads  one at a time.
class FrameThinner {
 public:
  // 0: everything passes.
  explicit FrameThinner(double fps_max)
      : period_(fps_max > 0 ? std::chrono::duration_cast<Duration>(
                                  std::chrono::duration<double>(1 / fps_max))
                            : Duration::zero()) {}

  // Whether a frame captured then is wanted.
  [[nodiscard]] bool passes(TimePoint captured) {
    if (period_ == Duration::zero()) return true;
    if (!wants(captured)) return false;
    // Of a pause only the next frame is due, not those that were missed.
    due_ = std::max(due_ + period_, captured + period_ / 2);
    return true;
  }
  // What passes() would say now. What is not wanted now is not wanted later, either.
  [[nodiscard]] bool wants(TimePoint captured) const {
    // A frame that comes a little early counts as due, or jitter would cost every other one.
    return captured + period_ / 8 >= due_;
  }
  void restart() { due_ = {}; }

 private:
  Duration period_;
  TimePoint due_{};
};

// Events a second over the last two seconds.
//
// Threads  one at a time.
class RateWindow {
 public:
  void add(TimePoint now) {
    advance(now);
    ++counts_[slot_ % counts_.size()];
  }
  [[nodiscard]] double per_second(TimePoint now) {
    advance(now);
    // The slot that is being filled does not count yet.
    std::uint64_t sum = 0;
    for (std::size_t i = 1; i < counts_.size(); ++i) sum += counts_[(slot_ + i) % counts_.size()];
    return static_cast<double>(sum) / (static_cast<double>(counts_.size() - 1) * kSlotSeconds);
  }

 private:
  static constexpr double kSlotSeconds = 0.25;

  void advance(TimePoint now) {
    const auto slot = static_cast<std::uint64_t>(
        std::chrono::duration<double>(now.time_since_epoch()).count() / kSlotSeconds);
    if (slot <= slot_) return;
    const std::uint64_t steps = std::min<std::uint64_t>(slot - slot_, counts_.size());
    for (std::uint64_t i = 1; i <= steps; ++i) counts_[(slot_ + i) % counts_.size()] = 0;
    if (slot - slot_ > counts_.size()) counts_.fill(0);
    slot_ = slot;
  }

  std::array<std::uint64_t, 9> counts_{};
  std::uint64_t slot_ = 0;
};

// The last durations, for medians and tails of now.
//
// Threads  one at a time.
class RecentDurations {
 public:
  void add(Duration duration) {
    if (values_.size() < kCount) {
      values_.push_back(duration);
    } else {
      values_[next_ % kCount] = duration;
    }
    ++next_;
  }
  // The value that a share `q` of them is not above; zero where there are none.
  [[nodiscard]] Duration quantile(double q) const {
    if (values_.empty()) return {};
    std::vector<Duration> sorted = values_;
    const auto rank = std::min(sorted.size() - 1,
                               static_cast<std::size_t>(q * static_cast<double>(sorted.size())));
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(sorted.begin(), place, sorted.end());
    return *place;
  }

 private:
  static constexpr std::size_t kCount = 256;
  std::vector<Duration> values_;
  std::size_t next_ = 0;
};

}  // namespace shoal
