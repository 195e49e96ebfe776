// Which recordings have to go so that a folder stays within its bounds: a ledger and a rule. Files
// are removed by their owners.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/camera_result.h"

namespace shoal {

struct DiskLimits {
  std::int64_t bytes_max = std::int64_t{10} << 30;  // of all recordings together
  std::int64_t free_min = std::int64_t{256} << 20;  // that stay free on the disk
  std::chrono::nanoseconds keep_max{0};             // older ones go; 0: however old
  std::size_t count_max = 20'000;  // recordings: what is known of each is in memory
};

// Bytes that the process may still write on the disk of this folder; the largest number where the
// system does not say.
[[nodiscard]] std::int64_t free_disk_bytes(const std::string& folder);

// Threads  one at a time.
class DiskBudget {
 public:
  explicit DiskBudget(const DiskLimits& limits) : limits_(limits) {}

  // A recording is there, or has changed its size. `at` is when it was begun.
  void set(const std::string& key, WallTime at, std::int64_t bytes);
  void erase(const std::string& key);

  // Forgets and returns the recordings that have to go, the oldest first: those beyond keep_max,
  // and as many as it takes to meet the other limits. The newest one stays: it may be in the
  // making.
  [[nodiscard]] std::vector<std::string> take_excess(WallTime now, std::int64_t free_bytes);

  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t count() const { return begun_.size(); }

 private:
  DiskLimits limits_;
  std::map<std::pair<WallTime, std::string>, std::int64_t> by_age_;
  std::unordered_map<std::string, WallTime> begun_;
  std::int64_t bytes_ = 0;
};

}  // namespace shoal
