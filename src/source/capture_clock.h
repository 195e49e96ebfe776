// Media times of a live stream to one clock: when the camera saw a frame. Pure: time is passed in.
#pragma once

#include <chrono>
#include <optional>

#include "core/clock.h"

namespace shoal {

// The smallest delay between media time and arrival that was seen lately is taken for the network's
// least; what came later than that was held up on its way. Follows a sender whose clock drifts, and
// starts anew where media time jumps.
//
// Threads  one at a time.
class CaptureClock {
 public:
  // A packet with this media time has arrived.
  void arrived(std::optional<std::chrono::nanoseconds> media_time, TimePoint now);
  // When what has this media time was captured, at the latest `now`; `now` where it is unknown.
  [[nodiscard]] TimePoint captured(std::optional<std::chrono::nanoseconds> media_time,
                                   TimePoint now) const;
  void restart();  // another connection

 private:
  std::optional<TimePoint> origin_;  // of media time 0, of the window that is through
};

}  // namespace shoal
