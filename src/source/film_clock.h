// The clock of a film: the container's while that is plausible, else counted by the frame rate.
// Pure. Of live streams capture_clock.h tells when a frame was seen.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace shoal {

struct FilmClockOptions {
  double frames_per_second = 0;  // as declared; 0 where unknown
  // A longer step is no pause but a jump of the clock. Screen recordings and recorders that wait
  // for motion do pause; formats whose clock may begin anew (MPEG-TS) are trusted less.
  std::chrono::nanoseconds pause_max = std::chrono::minutes(10);
};

// What a container's clock did that no film does.
struct ClockFault {
  enum class Kind : std::uint8_t { kWentBack, kStoodStill, kJumpedAhead, kMissing };
  Kind kind = Kind::kWentBack;
  std::uint64_t frame = 0;             // at which it was seen, from 0
  std::chrono::nanoseconds expected{};  // about, by the clock so far
  std::chrono::nanoseconds got{};       // from the container; 0 for kMissing
};

// "its clock goes back from 2.000 s to 0.000 s at frame 60; times go on by the frame rate".
[[nodiscard]] std::string describe(const ClockFault& fault);

// Joined recordings begin again at 0, broken cameras write one time for all frames, some write none
// or jump by hours. Each frame gets a time that is later than the one before; where the container's
// clock breaks, the frame comes one frame's duration after the one before and the container's clock
// goes on from there. A single time that stands still or goes back by less than a second moves that
// frame alone.
//
// Threads  one at a time.
class FilmClock {
 public:
  explicit FilmClock(const FilmClockOptions& options = {});

  // The time of the next frame, in the order of presentation; `container`: what its container says.
  [[nodiscard]] std::chrono::nanoseconds next(std::optional<std::chrono::nanoseconds> container);

  // How long a frame usually takes: as seen lately, as declared, or a 25th of a second.
  [[nodiscard]] std::chrono::nanoseconds frame() const;

  // The first one. Films without any times (raw H.264) have none: they are counted from the start.
  [[nodiscard]] const std::optional<ClockFault>& fault() const { return fault_; }

 private:
  static constexpr std::size_t kStepsKept = 15;

  [[nodiscard]] std::chrono::nanoseconds first(std::optional<std::chrono::nanoseconds> container);
  [[nodiscard]] std::chrono::nanoseconds step_max() const;
  void learn(std::chrono::nanoseconds step);
  void note(ClockFault::Kind kind, std::chrono::nanoseconds expected,
            std::chrono::nanoseconds got);

  FilmClockOptions options_;
  std::array<std::chrono::nanoseconds, kStepsKept> steps_{};  // plausible ones, the last
  std::size_t steps_seen_ = 0;
  std::uint64_t frames_ = 0;
  std::chrono::nanoseconds last_{};    // given out
  std::chrono::nanoseconds offset_{};  // of the container's clock to ours
  bool timed_ = false;                 // the container has told a time
  bool in_doubt_ = false;              // the container's time of the frame before was not used
  std::optional<ClockFault> fault_;
};

}  // namespace shoal
