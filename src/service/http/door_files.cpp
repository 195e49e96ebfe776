#include "service/http/door_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>

namespace shoal {
namespace {

constexpr rlim_t kReserve = 256;

std::mutex doors_mutex;
rlim_t of_doors = 0;  // what all doors may need; guarded by doors_mutex

rlim_t reserve_of(rlim_t limit) { return std::min(kReserve, limit / 4); }

}  // namespace

DoorFiles::DoorFiles(int most) : most_(most) {
  const std::lock_guard lock(doors_mutex);
  of_doors += static_cast<rlim_t>(most_);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = of_doors + 2 * kReserve;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  enough_ = setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted;
}

DoorFiles::~DoorFiles() {
  const std::lock_guard lock(doors_mutex);
  of_doors -= static_cast<rlim_t>(most_);
}

bool is_reserved_file(int descriptor) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  return static_cast<rlim_t>(descriptor) >= limit.rlim_cur - reserve_of(limit.rlim_cur);
}

}  // namespace shoal
