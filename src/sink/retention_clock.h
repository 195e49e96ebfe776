// The time by which recordings grow old. A clock that jumps must not delete: a machine whose
// battery is empty, or a time server that errs, would take ten years of recordings in a moment.
#pragma once

#include <chrono>
#include <optional>

#include "core/camera_result.h"
#include "core/clock.h"

namespace shoal {

// Follows the wall clock while that goes as the steady clock does. After a jump time goes on by the
// steady clock, and never beyond the wall clock, until the wall clock has gone on for `settle` as
// it is now: then it is believed. So what keeps to `keep` stays at most twice as long, and a jump
// that is put right within that time has deleted nothing.
//
// Threads  one at a time.
class RetentionClock {
 public:
  // `keep`: how long recordings are kept.
  explicit RetentionClock(std::chrono::nanoseconds keep);

  // At start. `newest`: when the newest recording of earlier runs was made; where that is longer
  // ago than `settle`, the clock has jumped or nobody was here, and time goes on from there.
  void begin(WallTime wall, TimePoint steady, std::optional<WallTime> newest);

  // The time to judge ages by. REQUIRES: after begin(), `steady` does not go back.
  [[nodiscard]] WallTime now(WallTime wall, TimePoint steady);

  [[nodiscard]] bool trusts_wall() const { return !jumped_at_; }

 private:
  using Offset = std::chrono::nanoseconds;  // of the wall clock to the steady one

  const std::chrono::nanoseconds settle_;
  Offset trusted_{0};
  Offset jumped_to_{0};
  std::optional<TimePoint> jumped_at_;
};

}  // namespace shoal
