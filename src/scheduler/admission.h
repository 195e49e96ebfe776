// Whether a request is taken at all: one whose deadline cannot be met is refused at once, not
// queued to die. Pure: no clock, no lock.
#pragma once

#include <optional>
#include <string>

#include "core/clock.h"

namespace shoal {

struct AdmissionView {
  Duration expected_wait{};          // until a lane would start with it
  double margin = 0;                 // by such a share of it more time has to be left
  std::optional<Duration> run_time;  // of its batch; empty until learned
  // What was learned is old and a lane has nothing to do: the request is let through to learn anew,
  // or a model that was slow once would refuse all its requests for ever.
  bool probing = false;
};

struct Admission {
  bool accepted = true;
  Duration expected_wait{};  // what a refused client is told to wait, at least
  Duration longest_wait{};   // with its margin
  Duration run_time{};       // that of its batch, as far as it is known
};

// Refuses where now + wait (with its margin) + run time is later than the deadline, where now +
// wait is later than `start_by`, and where either has passed. What is not learned yet counts as
// zero: nothing is refused on a guess.
[[nodiscard]] Admission admit(const AdmissionView& view, std::optional<TimePoint> deadline,
                              TimePoint now, std::optional<TimePoint> start_by = {});

// The reason, for who was refused with `left` before its deadline or, where it has none, before the
// end of the wait that is allowed.
[[nodiscard]] std::string why_refused(const Admission& admission,
                                      std::optional<TimePoint> deadline, Duration left);

}  // namespace shoal
