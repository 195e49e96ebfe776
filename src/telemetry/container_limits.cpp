// Where a group's files lie: /proc/self/cgroup names the group, /proc/self/mountinfo says which
// part of the hierarchy is mounted where. In a container often only the group itself is visible.
#include "telemetry/container_limits.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace shoal {
namespace {

// More is "no limit", as v1 writes it: the largest number of pages.
constexpr std::int64_t kNoLimit = std::int64_t{1} << 60;

struct Mount {
  std::string top;    // which part of the hierarchy is mounted
  std::string point;  // where
  bool v2 = false;
  std::string controllers;  // v1: ",cpu,cpuacct,"
};

// "\040" is a blank: proc(5).
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t k) { return text[i + k] >= '0' && text[i + k] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && digit(1) && digit(2) && digit(3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// 36 35 98:0 /top /point rw,noatime master:1 - type source super,options
std::vector<Mount> read_mounts(const std::string& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root + "/proc/self/mountinfo");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream front(line.substr(0, dash));
    std::istringstream back(line.substr(dash + 3));
    std::string skipped, top, point, type, source, options;
    front >> skipped >> skipped >> skipped >> top >> point;
    back >> type >> source >> options;
    if (type != "cgroup" && type != "cgroup2") continue;
    mounts.push_back({unescaped(top), unescaped(point), type == "cgroup2", "," + options + ","});
  }
  return mounts;
}

// The path of this process's group; `controller` is empty for v2. 4:cpu,cpuacct:/docker/1f
std::string group_path(const std::string& root, const std::string& controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const bool here = controller.empty() ? names.empty()
                                         : ("," + names + ",").find("," + controller + ",") !=
                                               std::string::npos;
    if (here) return line.substr(second + 1);
  }
  return "/";
}

// Folders of the group and of everything above it that can be seen, the group first.
std::vector<std::string> folders_of(const Mount& mount, std::string path) {
  const bool inside = path.starts_with(mount.top) &&
                      (mount.top == "/" || path.size() == mount.top.size() ||
                       path[mount.top.size()] == '/');
  if (inside && mount.top != "/") path.erase(0, mount.top.size());
  // A group that lies outside of what is mounted cannot be looked up; the mounted one is above it
  // or is it, as in containers without a name space of their own.
  if (!inside || path.starts_with("/..")) path.clear();
  std::vector<std::string> folders;
  while (path.size() > 1) {
    folders.push_back(mount.point + path);
    path.erase(path.rfind('/'));
  }
  folders.push_back(mount.point);
  return folders;
}

// The first number of a file; empty for "max", a missing file or nonsense.
std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

// The value behind a word: "hierarchical_memory_limit 536870912".
std::optional<std::int64_t> number_after(const std::string& path, std::string_view word) {
  std::ifstream file(path);
  std::string name;
  std::int64_t value = 0;
  while (file >> name >> value) {
    if (name == word) return value;
  }
  return std::nullopt;
}

void narrow_memory(ContainerLimits& limits, std::optional<std::int64_t> bytes,
                   const std::string& file) {
  // 0 is a limit that nothing fits in; a process that runs does not have it.
  if (!bytes || *bytes <= 0 || *bytes >= kNoLimit) return;
  if (limits.memory_bytes > 0 && *bytes >= limits.memory_bytes) return;
  limits.memory_bytes = *bytes;
  limits.memory_file = file;
}

void narrow_cpu(ContainerLimits& limits, double quota, double period, const std::string& file) {
  if (!(quota > 0) || !(period > 0)) return;
  const double cpus = quota / period;
  if (limits.cpus > 0 && cpus >= limits.cpus) return;
  limits.cpus = cpus;
  limits.cpu_file = file;
}

void read_v2(ContainerLimits& limits, const std::string& root, const std::string& folder) {
  // Above memory.high the kernel reclaims and slows the process down: no place to plan for.
  for (const char* name : {"/memory.max", "/memory.high"}) {
    narrow_memory(limits, number_in(root + folder + name), folder + name);
  }
  std::ifstream file(root + folder + "/cpu.max");
  double quota = 0;
  double period = 0;
  if (file >> quota >> period) narrow_cpu(limits, quota, period, folder + "/cpu.max");
}

void read_v1_memory(ContainerLimits& limits, const std::string& root, const std::string& folder) {
  const std::string file = folder + "/memory.limit_in_bytes";
  narrow_memory(limits, number_in(root + file), file);
  // Counts the groups above, seen or not.
  const std::string stat = folder + "/memory.stat";
  narrow_memory(limits, number_after(root + stat, "hierarchical_memory_limit"), stat);
}

void read_v1_cpu(ContainerLimits& limits, const std::string& root, const std::string& folder) {
  const std::string file = folder + "/cpu.cfs_quota_us";
  const auto quota = number_in(root + file);
  const auto period = number_in(root + folder + "/cpu.cfs_period_us");
  if (quota && period) {
    narrow_cpu(limits, static_cast<double>(*quota), static_cast<double>(*period), file);
  }
}

}  // namespace

ContainerLimits container_limits(const std::string& root) {
  ContainerLimits limits;
  for (const Mount& mount : read_mounts(root)) {
    const auto each = [&](const std::string& controller, auto read) {
      for (const std::string& folder : folders_of(mount, group_path(root, controller))) {
        read(limits, root, folder);
      }
    };
    const auto has = [&](std::string_view controller) {
      return mount.controllers.find(controller) != std::string::npos;
    };
    if (mount.v2) {
      each("", read_v2);
    } else {
      if (has(",memory,")) each("memory", read_v1_memory);
      if (has(",cpu,")) each("cpu", read_v1_cpu);
    }
  }
  return limits;
}

}  // namespace shoal
