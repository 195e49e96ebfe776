// Media times of a live stream to one clock: when the camera saw a frame. Pure: time is passed in.
// Wall-clock times that a sender tells (RTCP sender reports) are not used: cameras' clocks lie.
#pragma once

#include <chrono>
#include <optional>

#include "core/clock.h"

namespace shoal {

// The smallest delay between media time and arrival that was seen lately is taken for the network's
// least; what came later than that was held up on its way. Follows a sender whose clock drifts, and
// starts anew where media time jumps.
//
// Errors   of captured(): what the network always needs cannot be seen, it is called captured when
//          the fastest packet of the last 5 to 10 s would have arrived; a sender whose clock is
//          slow by d adds up to 10 s * d. After a permanent increase of the network's delay frames
//          look too old for at most 10 s.
// Threads  one at a time.
class CaptureClock {
 public:
  // A packet with this media time has arrived. `now` does not go backwards.
  void arrived(std::optional<std::chrono::nanoseconds> media_time, TimePoint now);
  // When what has this media time was captured, at the latest `now`; `now` where it is unknown.
  [[nodiscard]] TimePoint captured(std::optional<std::chrono::nanoseconds> media_time,
                                   TimePoint now) const;
  void restart();  // another connection

 private:
  std::optional<TimePoint> previous_;  // earliest origin (media time 0) of the window before
  std::optional<TimePoint> current_;   // and of this window
  TimePoint window_start_{};
  std::chrono::nanoseconds newest_{};  // media time of the packet before
};

}  // namespace shoal
