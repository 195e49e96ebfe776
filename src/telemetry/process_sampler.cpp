// Reads /proc/stat, /proc/meminfo and /proc/self; formats: proc(5).
#include "telemetry/process_sampler.h"

#include <dirent.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <chrono>
#include <fstream>
#include <sstream>
#include <iterator>
#include <string>
#include <string_view>

#include "core/read_file.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double process_cpu_seconds() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? seconds(usage.ru_utime) + seconds(usage.ru_stime)
                                             : 0;
}

std::int64_t meminfo_bytes(const std::string& text, const char* key) {
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return 0;
  return std::strtoll(text.c_str() + at + std::string_view(key).size(), nullptr, 10) * 1024;
}

int count_open_files() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int count = -1;  // the folder's own
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(folder);
  return std::max(0, count);
}

double unix_seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Field 22 of /proc/self/stat, in clock ticks since boot; the fields follow the name in brackets,
// which may itself hold anything.
double started_after_boot_s() {
  const auto read = file_text("/proc/self/stat");
  const std::string text = read ? *read : std::string();
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double uptime_s() {
  std::ifstream file("/proc/uptime");
  double uptime = 0;
  file >> uptime;
  return uptime;
}

}  // namespace

ProcessSampler::ProcessSampler(std::int64_t memory_limit_bytes) {
  const Machine machine = this_machine();
  cores_ = std::max(1, machine.cores);
  limit_bytes_ = memory_limit_bytes > 0             ? memory_limit_bytes
                 : machine.memory_limit_bytes > 0 ? machine.memory_limit_bytes
                                                  : machine.memory_bytes;
  started_unix_s_ = unix_seconds_now() - std::max(0.0, uptime_s() - started_after_boot_s());
}

ProcessSampler::Reading ProcessSampler::read() const {
  Reading reading;
  reading.time = Clock::now();
  reading.cpu_seconds = process_cpu_seconds();
  cpu_set_t mask;
  CPU_ZERO(&mask);
  const bool masked = sched_getaffinity(0, sizeof mask, &mask) == 0;
  std::ifstream file("/proc/stat");
  std::string line;
  while (std::getline(file, line) && line.starts_with("cpu")) {
    std::istringstream fields(line);
    std::string name;
    double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
    fields >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
    const double busy = user + nice + system + irq + softirq + steal;
    const CpuTimes times{.busy = busy, .total = busy + idle + iowait};
    if (name == "cpu") {
      reading.machine = times;
    } else if (!masked || CPU_ISSET(static_cast<std::size_t>(std::atoi(name.c_str() + 3)), &mask)) {
      reading.own_cpus.busy += times.busy;
      reading.own_cpus.total += times.total;
    }
  }
  return reading;
}

ProcessSample ProcessSampler::sample() {
  ProcessSample sample;
  const Reading now = read();
  const auto share = [](const CpuTimes& before, const CpuTimes& after) {
    const double total = after.total - before.total;
    return total > 0 ? std::clamp((after.busy - before.busy) / total, 0.0, 1.0) : 0.0;
  };
  if (before_) {
    sample.machine_utilization = share(before_->machine, now.machine);
    const double wall = std::chrono::duration<double>(now.time - before_->time).count();
    const double own =
        wall > 0 ? (now.cpu_seconds - before_->cpu_seconds) / (wall * cores_) : 0.0;
    sample.device_utilization =
        std::max(share(before_->own_cpus, now.own_cpus), std::clamp(own, 0.0, 1.0));
  }
  before_ = now;
  const auto read = file_text("/proc/meminfo");
  const std::string text = read ? *read : std::string();
  sample.machine_memory_bytes = meminfo_bytes(text, "MemTotal:");
  sample.machine_memory_used_bytes =
      sample.machine_memory_bytes - meminfo_bytes(text, "MemAvailable:");
  const ProcessMemory memory = process_memory();
  sample.memory_bytes = memory.resident_bytes;
  sample.memory_peak_bytes = memory.peak_bytes;
  sample.memory_limit_bytes = limit_bytes_;
  sample.cpu_seconds = now.cpu_seconds;
  sample.started_unix_s = started_unix_s_;
  sample.open_files = count_open_files();
  const struct mallinfo2 heap = mallinfo2();
  const std::size_t held = heap.arena + heap.hblkhd;
  heap_high_water_ = std::max(heap_high_water_, static_cast<std::int64_t>(held));
  sample.heap = {.name = "heap",
                 .used_bytes = static_cast<std::int64_t>(heap.uordblks + heap.hblkhd),
                 .size_bytes = static_cast<std::int64_t>(held),
                 .high_water_bytes = heap_high_water_,
                 .fragmentation = held > 0 ? static_cast<double>(heap.fordblks) /
                                                 static_cast<double>(held)
                                           : 0};
  return sample;
}

}  // namespace shoal
