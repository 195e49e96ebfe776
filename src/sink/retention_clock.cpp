#include "sink/retention_clock.h"

#include <algorithm>

namespace shoal {
namespace {

constexpr std::chrono::nanoseconds kSettleMost = std::chrono::hours(24);
// Time servers put clocks right by less; a recording may be as much too old or too young.
constexpr std::chrono::nanoseconds kSlack = std::chrono::minutes(2);

std::chrono::nanoseconds offset_of(WallTime wall, TimePoint steady) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(wall.time_since_epoch()) -
         std::chrono::duration_cast<std::chrono::nanoseconds>(steady.time_since_epoch());
}

bool is_near(std::chrono::nanoseconds a, std::chrono::nanoseconds b) {
  return std::chrono::abs(a - b) <= kSlack;
}

}  // namespace

RetentionClock::RetentionClock(std::chrono::nanoseconds keep)
    : settle_(std::min(keep, kSettleMost)) {}

void RetentionClock::begin(WallTime wall, TimePoint steady, std::optional<WallTime> newest) {
  trusted_ = offset_of(wall, steady);
  jumped_at_.reset();
  if (!newest || wall - *newest <= settle_) return;
  jumped_to_ = trusted_;
  jumped_at_ = steady;
  trusted_ = offset_of(*newest, steady);
}

WallTime RetentionClock::now(WallTime wall, TimePoint steady) {
  const Offset offset = offset_of(wall, steady);
  const bool settled = jumped_at_ && is_near(offset, jumped_to_) && steady - *jumped_at_ >= settle_;
  if (settled || is_near(offset, trusted_)) {
    trusted_ = offset;
    jumped_at_.reset();
    return wall;
  }
  if (!jumped_at_ || !is_near(offset, jumped_to_)) jumped_at_ = steady;
  jumped_to_ = offset;
  const WallTime by_steady{std::chrono::duration_cast<std::chrono::nanoseconds>(
                               steady.time_since_epoch()) + trusted_};
  return std::min(wall, by_steady);
}

}  // namespace shoal
