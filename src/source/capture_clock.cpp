// Two windows of five seconds: a running minimum over the last five to ten seconds in two values.
#include "source/capture_clock.h"

#include <algorithm>

namespace shoal {
namespace {

using std::chrono::nanoseconds;

constexpr Duration kWindow = std::chrono::seconds(5);
// Farther back than B frames go: the sender's clock was set back or began again. (A step forward
// needs no rule: it lowers the minimum at once.)
constexpr nanoseconds kStepBack = std::chrono::seconds(1);
// Times beyond a century are garbage, and sums of what is within cannot overflow.
constexpr nanoseconds kFarthest = std::chrono::hours(24 * 365 * 50);

bool is_sane(const std::optional<nanoseconds>& media_time) {
  return media_time && *media_time > -kFarthest && *media_time < kFarthest;
}

}  // namespace

void CaptureClock::arrived(std::optional<nanoseconds> media_time, TimePoint now) {
  if (!is_sane(media_time)) return;
  if (current_ && *media_time < newest_ - kStepBack) restart();
  newest_ = *media_time;
  const TimePoint origin = now - *media_time;
  if (!current_) window_start_ = now;
  if (current_ && now - window_start_ >= kWindow) {
    previous_ = current_;
    current_.reset();
    window_start_ = now;
  }
  current_ = current_ ? std::min(*current_, origin) : origin;
}

TimePoint CaptureClock::captured(std::optional<nanoseconds> media_time, TimePoint now) const {
  if (!current_ || !is_sane(media_time)) return now;
  const TimePoint origin = previous_ ? std::min(*previous_, *current_) : *current_;
  return std::min(now, origin + *media_time);
}

void CaptureClock::restart() {
  previous_.reset();
  current_.reset();
}

}  // namespace shoal
