#include "scheduler/admission.h"

namespace shoal {

Admission admit(const AdmissionView& view, std::optional<TimePoint> deadline, TimePoint now) {
  Admission admission{.accepted = true, .expected_wait = view.expected_wait};
  if (!deadline) return admission;
  const Duration left = *deadline - now;
  const Duration needed = view.expected_wait + view.run_time.value_or(Duration::zero());
  admission.accepted = left > Duration::zero() && (view.probing || needed <= left);
  return admission;
}

}  // namespace shoal
