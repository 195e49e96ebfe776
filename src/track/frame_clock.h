// How long a camera's frame usually takes, learnt from the times of its frames.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

#include "core/clock.h"

namespace shoal {

// The median of the last intervals: late frames, dropped ones and pauses do not move it, a changed
// frame rate does within half of them.
class FrameClock {
 public:
  // Time since the last call, never negative; 0 at the first.
  Duration advance(TimePoint now) {
    if (!started_) {
      started_ = true;
      last_ = now;
      return Duration::zero();
    }
    const Duration elapsed = std::max(Duration::zero(), now - last_);
    last_ = std::max(last_, now);
    if (elapsed > Duration::zero()) {
      intervals_[next_++ % kKept] = elapsed;
      update_median();
    }
    return elapsed;
  }

  // The usual interval; a thirtieth of a second before there is any.
  [[nodiscard]] Duration frame() const { return frame_; }

 private:
  static constexpr std::size_t kKept = 15;
  void update_median() {
    std::array<Duration, kKept> sorted = intervals_;
    const auto count = static_cast<std::ptrdiff_t>(std::min(next_, kKept));
    std::nth_element(sorted.begin(), sorted.begin() + count / 2, sorted.begin() + count);
    frame_ = sorted[static_cast<std::size_t>(count / 2)];
  }

  std::array<Duration, kKept> intervals_{};
  std::size_t next_ = 0;
  bool started_ = false;
  TimePoint last_{};
  Duration frame_ = std::chrono::nanoseconds(33'333'333);
};

}  // namespace shoal
