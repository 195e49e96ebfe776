#include "scheduler/admission.h"

#include <fmt/format.h>

namespace shoal {

Admission admit(const AdmissionView& view, std::optional<TimePoint> deadline,
                TimePoint now, std::optional<TimePoint> start_by) {
  const auto wait =
      std::chrono::duration_cast<Duration>(view.expected_wait * (1 + view.margin));
  Admission admission{.accepted = true,
                      .expected_wait = view.expected_wait,
                      .longest_wait = wait,
                      .run_time = view.run_time.value_or(Duration::zero())};
  const auto in_time = [&](const std::optional<TimePoint>& latest, Duration needed) {
    return !latest || (*latest > now && (view.probing || needed <= *latest - now));
  };
  admission.accepted = in_time(deadline, wait + admission.run_time) && in_time(start_by, wait);
  return admission;
}

std::string why_refused(const Admission& admission, std::optional<TimePoint> deadline,
                        Duration left) {
  const double left_ms = to_milliseconds(left);
  const double run_ms = to_milliseconds(admission.run_time);
  if (deadline && admission.run_time > left) {
    return fmt::format("the network alone takes about {:.0f} ms, longer than your deadline: {:.0f} "
                       "ms are left", run_ms, left_ms);
  }
  const std::string run = deadline ? fmt::format(" and {:.0f} ms for the network", run_ms) : "";
  return fmt::format("would wait up to {:.0f} ms for its turn{}, and {:.0f} ms are left; try again "
                     "later", to_milliseconds(admission.longest_wait), run, left_ms);
}

}  // namespace shoal
