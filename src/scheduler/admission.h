// Whether a request is taken at all: one whose deadline cannot be met is refused at once, not
// queued to die. Pure: no clock, no lock.
#pragma once

#include <optional>

#include "core/clock.h"

namespace shoal {

struct AdmissionView {
  Duration expected_wait{};          // until a lane would start with it
  std::optional<Duration> run_time;  // of its batch; empty until learned
  // What was learned is old and a lane has nothing to do: the request is let through to learn anew,
  // or a model that was slow once would refuse all its requests for ever.
  bool probing = false;
};

struct Admission {
  bool accepted = true;
  Duration expected_wait{};  // what a refused client is told to wait, at least
};

// Refuses where now + wait + run time is later than the deadline, and where the deadline has
// passed. What is not learned yet counts as zero: nothing is refused on a guess.
[[nodiscard]] Admission admit(const AdmissionView& view, std::optional<TimePoint> deadline,
                              TimePoint now);

}  // namespace shoal
