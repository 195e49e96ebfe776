// Amounts of memory as people write them: "80%", "2GiB", "512MiB", 1073741824.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// A limit as written; what it is in bytes depends on the machine.
struct MemoryLimit {
  double share = 0;        // in (0, 1]; 0: `bytes` says it
  std::int64_t bytes = 0;  // 0 with share 0: no limit

  // Bytes where `total` is what the machine or its container has; 0: no limit.
  [[nodiscard]] std::int64_t of(std::int64_t total) const {
    return share > 0 ? static_cast<std::int64_t>(share * static_cast<double>(total)) : bytes;
  }
};

// A whole or decimal number of bytes with a unit of KiB, MiB, GiB, TiB (1024) or KB, MB, GB, TB
// (1000), without one of bytes; or a percentage; or "", "none": no limit. Case does not matter.
//
// Errors   invalid_argument, with what was expected: anything else, zero, over 100 %, over 2^62.
[[nodiscard]] Result<MemoryLimit> parse_memory_limit(std::string_view text);

// "512.0 MiB", "24.0 GiB", "8 B": the largest unit that leaves at least 1.
[[nodiscard]] std::string memory_text(std::int64_t bytes);

}  // namespace shoal
