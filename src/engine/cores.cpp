// The affinity mask counts, not the machine: containers and taskset narrow it.
#include "engine/cores.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace shoal {

int usable_core_count() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    return std::max(1, CPU_COUNT(&allowed));
  }
  // More than 1,024 cores do not fit the fixed-size set.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace shoal
