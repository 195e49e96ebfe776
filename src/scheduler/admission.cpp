#include "scheduler/admission.h"

namespace shoal {

Admission admit(const AdmissionView& view, std::optional<TimePoint> deadline, TimePoint now) {
  Admission admission{.accepted = true, .expected_wait = view.expected_wait};
  if (!deadline) return admission;
  const Duration needed = view.expected_wait + view.run_time.value_or(Duration::zero());
  admission.accepted = needed <= *deadline - now;
  return admission;
}

}  // namespace shoal
