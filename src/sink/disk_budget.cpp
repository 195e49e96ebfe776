// Oldest first, until every limit holds.
#include "sink/disk_budget.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <limits>

namespace shoal {

std::int64_t free_disk_bytes(const std::string& folder) {
  struct statvfs status = {};
  constexpr auto kUnknown = std::numeric_limits<std::int64_t>::max();
  if (::statvfs(folder.c_str(), &status) != 0) return kUnknown;
  const double bytes = static_cast<double>(status.f_bavail) * static_cast<double>(status.f_frsize);
  return bytes < 9e18 ? static_cast<std::int64_t>(bytes) : kUnknown;
}

void DiskBudget::set(const std::string& key, WallTime at, std::int64_t bytes) {
  erase(key);
  by_age_.emplace(std::pair(at, key), bytes);
  begun_.emplace(key, at);
  bytes_ += bytes;
}

void DiskBudget::erase(const std::string& key) {
  const auto known = begun_.find(key);
  if (known == begun_.end()) return;
  const auto entry = by_age_.find(std::pair(known->second, key));
  bytes_ -= entry->second;
  by_age_.erase(entry);
  begun_.erase(known);
}

std::vector<std::string> DiskBudget::take_excess(WallTime now, std::int64_t free_bytes) {
  std::vector<std::string> excess;
  while (by_age_.size() > 1) {
    const auto& [age, bytes] = *by_age_.begin();
    const bool old = limits_.keep_max.count() > 0 && now - age.first > limits_.keep_max;
    const bool over = bytes_ > limits_.bytes_max || by_age_.size() > limits_.count_max ||
                      free_bytes < limits_.free_min;
    if (!old && !over) break;
    free_bytes += std::min(bytes, std::numeric_limits<std::int64_t>::max() - free_bytes);
    excess.push_back(age.second);
    erase(excess.back());
  }
  return excess;
}

}  // namespace shoal
