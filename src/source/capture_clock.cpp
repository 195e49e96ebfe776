// Two windows of five seconds: a running minimum over the last five to ten seconds in two values.
// How the minima of two windows differ is how the sender's clock differs from ours.
#include "source/capture_clock.h"

#include <algorithm>
#include <cmath>

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr Duration kWindow = std::chrono::seconds(5);
// Farther back than B frames go: the sender's clock was set back or began again. (A step forward
// needs no rule: it lowers the minimum at once.)
constexpr nanoseconds kStepBack = std::chrono::seconds(1);
// Times beyond a century are garbage, and sums of what is within cannot overflow.
constexpr nanoseconds kFarthest = std::chrono::hours(24 * 365 * 50);
// By how much frames may be late, and for how long and how many: longer than a few key frames of a
// slow line take, shorter than anybody's age_max.
constexpr Duration kLate = milliseconds(250);
constexpr Duration kLateFor = milliseconds(450);
constexpr int kLateFrames = 3;
// What was held up catches up by more than this share of the time that passes.
constexpr int kCatchUp = 5;  // a fifth
constexpr int kStillFrames = 3;
constexpr Duration kStillFor = milliseconds(100);
constexpr double kRateOff = 0.03;

bool is_sane(const std::optional<nanoseconds>& media_time) {
  return media_time && *media_time > -kFarthest && *media_time < kFarthest;
}

}  // namespace

void CaptureClock::arrived(std::optional<nanoseconds> media_time, TimePoint now, bool prompt) {
  if (!is_sane(media_time)) return;
  if (current_) judge_step(*media_time, now, prompt);
  newest_ = *media_time;
  newest_at_ = now;
  const TimePoint origin = now - *media_time;
  if (current_ && now - window_start_ >= kWindow) end_window(now);
  if (!current_) {
    window_start_ = now;
    prompt_ = true;
  }
  prompt_ = prompt_ && prompt;
  current_ = current_ ? std::min(*current_, origin) : origin;
}

// What the time of this frame says, against the one before and against all lately.
void CaptureClock::judge_step(nanoseconds media_time, TimePoint now, bool prompt) {
  if (media_time < newest_ - kStepBack) {
    forget_times();
    return;
  }
  if (media_time != newest_) {
    still_ = 0;
  } else if (++still_ == 1) {
    still_since_ = newest_at_;
  }
  if (still_ >= kStillFrames && now - still_since_ >= kStillFor) distrust();
  if (!prompt || !current_) {
    late_.reset();
    return;
  }
  const TimePoint origin = previous_ ? std::min(*previous_, *current_) : *current_;
  judge_lateness(now - media_time - origin, now);
}

void CaptureClock::judge_lateness(Duration late, TimePoint now) {
  if (!trusted_ || late <= kLate) {
    late_.reset();
    return;
  }
  if (!late_) late_ = Late{now, late, 0};
  ++late_->frames;
  const Duration lasted = now - late_->since;
  if (lasted < kLateFor || late_->frames < kLateFrames) return;
  if (late_->by - late > lasted / kCatchUp) {
    late_ = Late{now, late, 1};
  } else {
    distrust();
  }
}

void CaptureClock::end_window(TimePoint now) {
  const Duration lasted = now - window_start_;
  // After a silence that is longer than the window the two are not as far apart as they look.
  if (previous_ && lasted < 2 * kWindow && prompt_ && previous_prompt_) {
    const double slow = std::chrono::duration<double>(*current_ - *previous_) /
                        std::chrono::duration<double>(lasted);
    if (std::abs(slow) <= kRateOff) {
      trusted_ = true;
      wrong_windows_ = 0;
      wrong_rate_.reset();
    } else if (++wrong_windows_ >= 2 || !trusted_) {
      trusted_ = false;
      wrong_rate_ = std::max(0.0, 1 - slow);
    }
  }
  previous_ = current_;
  previous_prompt_ = prompt_;
  current_.reset();
}

TimePoint CaptureClock::captured(std::optional<nanoseconds> media_time, TimePoint now) const {
  if (!trusted_ || !current_ || !is_sane(media_time)) return now;
  const TimePoint origin = previous_ ? std::min(*previous_, *current_) : *current_;
  return std::min(now, origin + *media_time);
}

void CaptureClock::forget_times() {
  previous_.reset();
  current_.reset();
  late_.reset();
  still_ = 0;
}

void CaptureClock::distrust() {
  if (!trusted_) return;
  trusted_ = false;
  wrong_windows_ = 0;
  forget_times();
}

void CaptureClock::restart() { *this = CaptureClock(); }

}  // namespace shoal
