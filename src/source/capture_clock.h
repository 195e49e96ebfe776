// Media times of a live stream to one clock: when the camera saw a frame. Pure: time is passed in.
// Wall-clock times that a sender tells (RTCP sender reports) are not used: cameras' clocks lie.
#pragma once

#include <chrono>
#include <optional>

#include "core/clock.h"

namespace shoal {

// The smallest delay between media time and arrival that was seen lately is taken for the network's
// least; what came later than that was held up on its way. Follows a sender whose clock drifts by
// a few per cent, and starts anew where media time jumps.
//
// A clock that runs at another rate, stands still or keeps being late is not believed: then frames
// were captured when they arrived, until it has gone with this machine's clock for ten seconds.
// Late for nearly half a second without catching up is a clock's fault and not the network's: what
// a network held up comes in a rush.
//
// Errors   of captured(): what the network always needs cannot be seen, it is called captured when
//          the fastest packet of the last 5 to 10 s would have arrived; a sender whose clock is
//          slow by d adds up to 10 s * d, but no more than a quarter of a second for long.
// Threads  one at a time.
class CaptureClock {
 public:
  // A frame with this media time has arrived. `now` does not go backwards. `prompt`: whoever reads
  // waits for frames, so that it has come just now; else it may have lain here for a while, which
  // tells nothing of the sender's clock.
  void arrived(std::optional<std::chrono::nanoseconds> media_time, TimePoint now,
               bool prompt = true);
  // When what has this media time was captured, at the latest `now`; `now` where it is unknown.
  [[nodiscard]] TimePoint captured(std::optional<std::chrono::nanoseconds> media_time,
                                   TimePoint now) const;
  // Media seconds in a second: of a clock that does not go with ours for ten seconds or more.
  [[nodiscard]] std::optional<double> wrong_rate() const { return wrong_rate_; }
  void restart();  // another connection

 private:
  struct Late {
    TimePoint since;
    Duration by{};  // then
    int frames = 0;
  };
  void judge_step(std::chrono::nanoseconds media_time, TimePoint now, bool prompt);
  void judge_lateness(Duration late, TimePoint now);
  void end_window(TimePoint now);
  void forget_times();
  void distrust();

  std::optional<TimePoint> previous_;  // earliest origin (media time 0) of the window before
  std::optional<TimePoint> current_;   // and of this window
  TimePoint window_start_{};
  std::chrono::nanoseconds newest_{};  // media time of the frame before
  TimePoint newest_at_{};
  bool trusted_ = true;
  bool prompt_ = true;                 // all frames of this window were
  bool previous_prompt_ = true;        // and of the one before
  int wrong_windows_ = 0;              // in a row
  int still_ = 0;                      // frames in a row with the media time of the one before
  TimePoint still_since_{};
  std::optional<Late> late_;
  std::optional<double> wrong_rate_;
};

}  // namespace shoal
