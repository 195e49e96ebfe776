// Whole milliseconds; nothing overflows, whatever the options.
#include "source/backoff.h"

#include <algorithm>

namespace shoal {

std::chrono::milliseconds backoff(const BackoffOptions& options, int failures,
                                  std::uint64_t random) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 40;  // ms, some 35 years
  const std::int64_t most = std::clamp<std::int64_t>(options.max.count(), 1, kLongest);
  std::int64_t wait = std::clamp<std::int64_t>(options.min.count(), 1, most);
  for (int i = 1; i < failures && wait < most; ++i) wait = std::min(2 * wait, most);
  const auto half = static_cast<std::uint64_t>(wait / 2);
  return std::chrono::milliseconds(wait - static_cast<std::int64_t>(random % (half + 1)));
}

}  // namespace shoal
