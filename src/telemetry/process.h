// What the kernel says of this process and its machine.
#pragma once

#include <cstdint>
#include <string>

namespace shoal {

// Resident memory now and at its peak, bytes (VmRSS and VmHWM of /proc/self/status); 0 where the
// kernel does not tell.
struct ProcessMemory {
  std::int64_t resident_bytes = 0;
  std::int64_t peak_bytes = 0;
};
[[nodiscard]] ProcessMemory process_memory();

struct Machine {
  std::string cpu;                     // the model name
  std::string instruction_sets;        // of those that matter here: "AVX-512 BF16 VNNI"
  int cores = 1;                       // usable: affinity and the container's CPU quota
  std::int64_t memory_bytes = 0;       // installed
  std::int64_t memory_limit_bytes = 0;  // of the container; 0: none
};
[[nodiscard]] Machine this_machine();

}  // namespace shoal
