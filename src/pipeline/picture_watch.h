// Whether a camera that sends something gives pictures. Pure: time is passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/clock.h"

namespace shoal {

// A stream that goes on in another codec than it announced, or is encrypted, sends packets of which
// no picture can be made, for as long as it lasts. Silence is the source's to notice.
//
// Until the first picture of a connection there is more patience each time that none came: a
// camera may send a key frame every minute, and it can only be joined there.
//
// Threads  one at a time.
class PictureWatch {
 public:
  PictureWatch(Duration patience, Duration age_max) : patience_(patience), age_max_(age_max) {}

  void connected();
  enum class Gave : std::uint8_t {
    kPicture,
    kOldPicture,  // older than age_max: not analysed
    kNothing,
    kUnwanted,    // nobody wanted it decoded: says nothing
  };
  // What came of a packet, or of a frame of it.
  void saw(Gave gave, TimePoint now);

  // How long packets have come without a picture that can be used, once that is too long.
  struct Overdue {
    Duration time{};
    bool old = false;  // there were pictures, all too old
  };
  [[nodiscard]] std::optional<Overdue> overdue(TimePoint now) const;

 private:
  [[nodiscard]] Duration patience_now() const;

  Duration patience_;
  Duration age_max_;
  std::optional<TimePoint> missing_since_;
  bool old_ = false;      // a picture came since then, too old
  bool joined_ = false;   // this connection gave a picture
  int fruitless_ = 0;     // connections before this one, in a row, that gave packets only
};

}  // namespace shoal
