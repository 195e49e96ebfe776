// The calendar is <chrono>'s.
#include "core/wall_time.h"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace shoal {

void append_wall_time(fmt::memory_buffer& out, WallTime time) {
  using std::chrono::days;
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time - day).count();
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 std::clamp(static_cast<int>(date.year()), 0, 9999),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                 ms / 3'600'000, ms / 60'000 % 60, ms / 1'000 % 60, ms % 1'000);
}

}  // namespace shoal
