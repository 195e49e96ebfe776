// What was learned from failed allocations: the largest batch that memory has room for.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/clock.h"

namespace shoal {

// A failed run of n items lowers the ceiling to n / 2 (or to what ran before it grew), and the
// ceiling grows back by a quarter after each quiet period. A failure on the way up doubles the
// period, so that memory that stays short costs a failed allocation an hour, not one a batch.
//
// Threads  none; the caller synchronises. Time is passed in.
class MemoryCeiling {
 public:
  static constexpr Duration kQuiet = std::chrono::seconds(30);
  static constexpr Duration kQuietMost = std::chrono::hours(1);

  // `most`: items of the largest batch there can be. REQUIRES: most >= 1.
  explicit MemoryCeiling(int most) : most_(most), ceiling_(most), proven_(most) {}

  // Most items of a run that begins now, 1 to `most`.
  [[nodiscard]] int allowed(TimePoint now) {
    if (ceiling_ < most_ && now - changed_ >= quiet_) {
      proven_ = ceiling_;
      ceiling_ = std::min(most_, ceiling_ + std::max(1, ceiling_ / 4));
      changed_ = now;
    } else if (ceiling_ == most_ && failures_ > 0 && now - changed_ >= quiet_) {
      // Whole again, and held for a period: what comes next is another story.
      failures_ = 0;
      quiet_ = kQuiet;
      lowest_said_ = most_;
      proven_ = most_;
    }
    return ceiling_;
  }

  // A run of `count` items failed for want of memory. True where people should be told: the ceiling
  // is lower than any that this function said since the batch was whole.
  [[nodiscard]] bool failed(int count, TimePoint now) {
    // Lanes that launched before the ceiling fell fail late; they say nothing new.
    const bool grown = failures_ > 0 && proven_ < ceiling_ && count > proven_;
    if (count > ceiling_) return false;
    if (grown) quiet_ = std::min(2 * quiet_, kQuietMost);
    ceiling_ = grown ? proven_ : std::max(1, count / 2);
    proven_ = ceiling_;
    changed_ = now;
    ++failures_;
    const bool news = ceiling_ < lowest_said_ || (count == 1 && failures_ == 1);
    lowest_said_ = std::min(lowest_said_, ceiling_);
    return news;
  }

  [[nodiscard]] int ceiling() const { return ceiling_; }
  [[nodiscard]] bool limited() const { return failures_ > 0; }
  [[nodiscard]] Duration quiet() const { return quiet_; }

 private:
  int most_;
  int ceiling_;
  int proven_;             // the ceiling before it last grew
  int lowest_said_ = most_;
  int failures_ = 0;       // since the batch was whole
  Duration quiet_ = kQuiet;
  TimePoint changed_{};    // when the ceiling last fell or grew
};

}  // namespace shoal
