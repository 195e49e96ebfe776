#include "pipeline/catch_up.h"

namespace shoal {
namespace {

// How long is looked at, and how much of it a reader that keeps up waits at least: one that never
// waits spends some time in reading, too.
constexpr Duration kPaceFor = std::chrono::milliseconds(500);
constexpr int kPaceShare = 10;  // a tenth

}  // namespace

void CatchUp::waited(Duration time, TimePoint now) {
  if (!pace_since_) pace_since_ = now - time;
  waited_ += time;
  const Duration lasted = now - *pace_since_;
  if (lasted < kPaceFor) return;
  pace_ = waited_ >= lasted / kPaceShare ? Pace::kWaits : Pace::kLags;
  pace_since_ = now;
  waited_ = {};
}

bool CatchUp::wants(bool key_frame, TimePoint captured, TimePoint now) {
  if (key_frame) {
    key_period_ = key_ && captured > *key_ ? captured - *key_ : Duration::zero();
    key_ = captured;
  }
  if (!skipping_) return true;
  if (!key_frame) return false;
  // Too old to begin with, and a newer one has come or will soon. (Not for ever: a clock that takes
  // all frames for older than they are must not end the stream.)
  const Duration age = now - captured;
  const bool another_soon = key_period_ > Duration::zero() && key_period_ - age < age_max_;
  if (age > age_max_ / 2 && another_soon && now - skipped_at_ < age_max_) return false;
  skipping_ = false;
  behind_.reset();
  return true;
}

CatchUp::Verdict CatchUp::judge(TimePoint captured, TimePoint now) {
  const Duration age = now - captured;
  if (age <= age_max_ / 2) {
    behind_.reset();
  } else if (!behind_) {
    behind_ = Sample{now, age};
  }
  if (age <= age_max_) {
    stale_since_.reset();
    return Verdict::kFresh;
  }
  if (!stale_since_) stale_since_ = now;
  if (!keeps_up() && !catches_up(age, now)) {
    skipping_ = true;
    skipped_at_ = now;
    return Verdict::kSkip;
  }
  if (now - *stale_since_ < age_max_) return Verdict::kStale;
  stale_since_ = now;
  return Verdict::kLate;
}

// At least half a second a second, once there was time to see it.
bool CatchUp::catches_up(Duration age, TimePoint now) const {
  const Duration since = now - behind_->time;
  return since < age_max_ / 4 || age < behind_->age - since / 2;
}

void CatchUp::restart() { *this = CatchUp(age_max_); }

}  // namespace shoal
