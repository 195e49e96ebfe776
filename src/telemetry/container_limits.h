// What the container grants: memory and CPU time by the kernel's control groups, version 1 and 2.
// Read from files only; the mask of usable cores is the scheduler's, in process.h.
#pragma once

#include <cstdint>
#include <string>

namespace shoal {

struct ContainerLimits {
  std::int64_t memory_bytes = 0;  // 0: none
  std::string memory_file;        // that said so, for messages
  double cpus = 0;                // CPU time a time; 1.5 is one and a half cores; 0: none
  std::string cpu_file;
};

// Groups nest, and the smallest limit on the way from this process's group up to the root counts.
// Both versions may be mounted side by side; the smaller one counts. Missing or odd files are no
// limit: a process outside of any container sees none.
//
// Reads    ROOT/proc/self/cgroup, ROOT/proc/self/mountinfo and the groups' memory.max, memory.high,
//          cpu.max (v2), memory.limit_in_bytes, memory.stat, cpu.cfs_quota_us, cpu.cfs_period_us
//          (v1). `root` is "" but for tests. Format: cgroups(7), proc(5), and the kernel's
//          cgroup-v1/memory and cgroup-v2 documents.
[[nodiscard]] ContainerLimits container_limits(const std::string& root = {});

}  // namespace shoal
