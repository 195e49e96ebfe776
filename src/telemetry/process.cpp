// Reads /proc; the limits of containers are read by container_limits.
#include "telemetry/process.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <string_view>
#include <utility>

#include "telemetry/container_limits.h"

namespace shoal {
namespace {

std::int64_t status_bytes(std::string_view key) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.compare(0, key.size(), key) == 0 && line[key.size()] == ':') {
      return std::stoll(line.substr(key.size() + 1)) * 1024;
    }
  }
  return 0;
}

// The kernel refuses a mask that is too short for its cores, so it grows.
int cores_by_affinity() {
  for (int cores = 1024; cores <= (1 << 20); cores *= 2) {
    cpu_set_t* mask = CPU_ALLOC(static_cast<std::size_t>(cores));
    if (mask == nullptr) return 1;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cores));
    const bool read = sched_getaffinity(0, bytes, mask) == 0;
    const int count = read ? CPU_COUNT_S(bytes, mask) : 0;
    CPU_FREE(mask);
    if (read) return std::max(1, count);
  }
  return 1;
}

std::string instruction_sets(const std::string& flags) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kKnown{{
      {" avx2 ", "AVX2"},
      {" avx512bw ", "AVX-512"},
      {" avx512_bf16 ", "BF16"},
      {" avx512_vnni ", "VNNI"},
      {" amx_tile ", "AMX"},
  }};
  std::string names;
  for (const auto& [flag, name] : kKnown) {
    if (flags.find(flag) == std::string::npos) continue;
    if (!names.empty()) names += ' ';
    names += name;
  }
  return names;
}

}  // namespace

int cores_of(int affinity, double cpus) {
  if (!(cpus > 0)) return std::max(1, affinity);
  // A part of a core still runs one thread; it is throttled to its share, not refused.
  return std::max(1, std::min(affinity, static_cast<int>(std::ceil(std::min(cpus, 1e6)))));
}

int decode_thread_count(int cores) { return std::min(std::max(1, cores), std::max(2, cores / 4)); }

int usable_core_count() { return cores_of(cores_by_affinity(), container_limits().cpus); }

ProcessMemory process_memory() {
  return {status_bytes("VmRSS"), status_bytes("VmHWM"), status_bytes("RssAnon")};
}

Machine this_machine() {
  Machine machine;
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    const auto value = [&] { return line.substr(std::min(line.size(), line.find(':') + 2)); };
    if (machine.cpu.empty() && line.starts_with("model name")) machine.cpu = value();
    if (machine.instruction_sets.empty() && line.starts_with("flags")) {
      machine.instruction_sets = instruction_sets(' ' + value() + ' ');
    }
  }
  const ContainerLimits limits = container_limits();
  machine.cores = cores_of(cores_by_affinity(), limits.cpus);
  machine.cpu_quota = limits.cpus;
  machine.memory_bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::int64_t>(sysconf(_SC_PAGE_SIZE));
  machine.memory_limit_bytes = limits.memory_bytes;
  if (machine.memory_limit_bytes >= machine.memory_bytes) machine.memory_limit_bytes = 0;
  return machine;
}

}  // namespace shoal
