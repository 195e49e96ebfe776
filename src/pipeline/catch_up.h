// What is left out of a live stream that cannot be decoded as fast as it comes. Pure: time is
// passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/clock.h"

namespace shoal {

// Behind by more than age_max and not catching up: decoding goes on from a key frame that is young
// enough, because what lies before it would be thrown away after the work. What was held up on the
// network and comes in a rush is decoded: its key frame may be many seconds away. So is what is old
// though the reader waits for every packet: there is no younger one.
//
// Threads  one at a time.
class CatchUp {
 public:
  explicit CatchUp(Duration age_max) : age_max_(age_max) {}

  // Every packet, before it is decoded. False: it is left out.
  [[nodiscard]] bool wants(bool key_frame, TimePoint captured, TimePoint now);

  enum class Verdict : std::uint8_t {
    kFresh,
    kLate,   // too old, but the first for age_max: late is better than never
    kStale,  // too old
    kSkip,   // too old, and the decoder begins anew at the next packet that is wanted
  };
  // Every decoded frame.
  [[nodiscard]] Verdict judge(TimePoint captured, TimePoint now);

  // The reader has waited so long for a packet that came at `now`.
  void waited(Duration time, TimePoint now);
  // It waits now and then: what has arrived is not left lying, so there is nothing younger to skip
  // to. False also while that is not known.
  [[nodiscard]] bool keeps_up() const { return pace_ == Pace::kWaits; }
  // It does not wait: what it reads may have lain for a while.
  [[nodiscard]] bool lags() const { return pace_ == Pace::kLags; }

  // Whether it is time to do less: leave out frames that no other needs.
  [[nodiscard]] bool is_behind() const { return behind_.has_value(); }
  void restart();  // another connection

 private:
  struct Sample {
    TimePoint time;
    Duration age;
  };
  [[nodiscard]] bool catches_up(Duration age, TimePoint now) const;

  enum class Pace : std::uint8_t { kUnknown, kWaits, kLags };

  Duration age_max_;
  Pace pace_ = Pace::kUnknown;
  std::optional<TimePoint> pace_since_;
  Duration waited_{};  // since then
  std::optional<Sample> behind_;        // when the age exceeded half of age_max
  std::optional<TimePoint> stale_since_;  // frames are too old; or a late one passed then
  bool skipping_ = false;
  TimePoint skipped_at_{};
  std::optional<TimePoint> key_;  // when the key frame before was captured
  Duration key_period_{};         // between the last two; 0: unknown
};

}  // namespace shoal
