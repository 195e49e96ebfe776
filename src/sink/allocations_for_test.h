// Counts what this test program allocates with operator new.
#pragma once

namespace shoal {

[[nodiscard]] long allocation_count();

}  // namespace shoal
