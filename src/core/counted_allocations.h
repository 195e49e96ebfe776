// For tests only: linking counted_allocations.cpp into a test program replaces its operator new, so
// that "allocates nothing" can be asserted.
#pragma once

#include <cstddef>

namespace shoal {

// How often any thread has called any operator new since the program started.
[[nodiscard]] std::size_t counted_allocations();

}  // namespace shoal
