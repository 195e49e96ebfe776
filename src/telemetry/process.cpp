// Reads /proc and /sys/fs/cgroup (v2, then v1).
#include "telemetry/process.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

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

// The first number of a cgroup file; 0 for "max", a missing file or nonsense.
std::int64_t cgroup_number(const char* path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? std::max<std::int64_t>(0, value) : 0;
}

double cgroup_cpus() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (file >> quota >> period && period > 0) return quota / period;
  const auto quota_us = cgroup_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto period_us = cgroup_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  return quota_us > 0 && period_us > 0
             ? static_cast<double>(quota_us) / static_cast<double>(period_us)
             : 0;
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  const double quota = cgroup_cpus();
  if (quota > 0) cores = std::min(cores, std::max(1, static_cast<int>(std::ceil(quota))));
  return std::max(1, cores);
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

ProcessMemory process_memory() { return {status_bytes("VmRSS"), status_bytes("VmHWM")}; }

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
  machine.cores = usable_cores();
  machine.memory_bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::int64_t>(sysconf(_SC_PAGE_SIZE));
  machine.memory_limit_bytes = cgroup_number("/sys/fs/cgroup/memory.max");
  if (machine.memory_limit_bytes == 0) {
    machine.memory_limit_bytes = cgroup_number("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  }
  // cgroup v1 says "no limit" with a huge number.
  if (machine.memory_limit_bytes > machine.memory_bytes) machine.memory_limit_bytes = 0;
  return machine;
}

}  // namespace shoal
