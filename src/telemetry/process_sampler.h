// Figures of this process and its machine that change: CPU and memory, read now and then.
#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "core/pool.h"

namespace shoal {

struct ProcessSample {
  // Busy share in [0, 1] since the sample before: of all CPUs of the machine, and of what this
  // process may use (its CPUs, whoever keeps them busy, or its CPU quota).
  double machine_utilization = 0;
  double device_utilization = 0;
  std::int64_t machine_memory_bytes = 0;
  std::int64_t machine_memory_used_bytes = 0;  // what is not available to a new process
  std::int64_t memory_bytes = 0;               // resident
  std::int64_t memory_peak_bytes = 0;
  std::int64_t memory_limit_bytes = 0;         // the configured, the container's or the machine's
  double cpu_seconds = 0;                      // of the process, all threads
  double started_unix_s = 0;
  int open_files = 0;
  PoolGauge heap{};  // the C library's: what it has from the system, and of it what is allocated
};

// Threads  one caller at a time.
class ProcessSampler {
 public:
  // `memory_limit_bytes` 0: the container's limit, else what the machine has.
  explicit ProcessSampler(std::int64_t memory_limit_bytes);

  // Cost     some file reads under /proc, and a walk over the heap's free blocks: about 0.2 ms.
  [[nodiscard]] ProcessSample sample();

 private:
  struct CpuTimes {
    double busy = 0;
    double total = 0;
  };
  struct Reading {
    TimePoint time;
    CpuTimes machine;
    CpuTimes own_cpus;  // those in the affinity mask
    double cpu_seconds = 0;
  };
  [[nodiscard]] Reading read() const;

  std::int64_t limit_bytes_ = 0;
  double cores_ = 1;  // usable
  std::optional<Reading> before_;
  double started_unix_s_ = 0;
  std::int64_t heap_high_water_ = 0;
};

}  // namespace shoal
