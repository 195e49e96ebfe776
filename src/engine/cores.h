// How many cores this process may use.
#pragma once

namespace shoal {

// The size of the scheduling affinity mask; at least 1.
[[nodiscard]] int usable_core_count();

}  // namespace shoal
