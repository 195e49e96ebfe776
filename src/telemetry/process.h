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
  std::int64_t anonymous_bytes = 0;  // of resident: heap and stacks, not files (RssAnon)
};
[[nodiscard]] ProcessMemory process_memory();

struct Machine {
  std::string cpu;                     // the model name
  std::string instruction_sets;        // of those that matter here: "AVX-512 BF16 VNNI"
  int cores = 1;                       // usable_core_count()
  double cpu_quota = 0;                // of the container, in cores; 0: none
  std::int64_t memory_bytes = 0;       // installed
  std::int64_t memory_limit_bytes = 0;  // of the container; 0: none

  // What this process could have at most: the limit, or else what is installed.
  [[nodiscard]] std::int64_t memory_total() const {
    return memory_limit_bytes > 0 ? memory_limit_bytes : memory_bytes;
  }
};
[[nodiscard]] Machine this_machine();

// How many threads can run at the same time: the cores of the affinity mask (taskset, cpuset),
// and no more than the container's CPU quota, rounded up. The one source for lanes and threads.
[[nodiscard]] int usable_core_count();
// The rule by itself. `cpus` 0: no quota.
[[nodiscard]] int cores_of(int affinity, double cpus);
// Threads that decode for `cores` lanes: one for four cores, at least two, no more than cores.
[[nodiscard]] int decode_thread_count(int cores);

}  // namespace shoal
