// Every rule is a comparison of where the container's clock would lead with the frame before.
#include "source/film_clock.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace shoal {
namespace {

using std::chrono::nanoseconds;

// 2,000 frames a second are the most that a film has; clocks that creep are slower.
constexpr nanoseconds kStepLeast = std::chrono::microseconds(500);
// Farther back than containers with damaged or rounded times go: the clock began again.
constexpr nanoseconds kDisorder = std::chrono::seconds(1);
// Times beyond are garbage, and sums of what is within cannot overflow.
constexpr nanoseconds kFarthest = std::chrono::hours(24 * 365 * 50);
constexpr nanoseconds kUnknownFrame = std::chrono::milliseconds(40);
constexpr int kFramesOfPause = 30;  // of films with a frame a minute
constexpr std::size_t kStepsForMedian = 5;

bool is_sane(nanoseconds time) { return time > -kFarthest && time < kFarthest; }

double seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::string describe(const ClockFault& fault) {
  std::array<char, 160> text{};
  const auto frame = static_cast<unsigned long long>(fault.frame);
  const double expected = seconds(fault.expected);
  const double got = seconds(fault.got);
  switch (fault.kind) {
    case ClockFault::Kind::kWentBack:
      std::snprintf(text.data(), text.size(),
                    "its clock goes back from %.3f s to %.3f s at frame %llu", expected, got,
                    frame);
      break;
    case ClockFault::Kind::kStoodStill:
      std::snprintf(text.data(), text.size(),
                    "its clock stands still at %.3f s from frame %llu", got, frame);
      break;
    case ClockFault::Kind::kJumpedAhead:
      std::snprintf(text.data(), text.size(),
                    "its clock jumps from %.3f s to %.3f s at frame %llu", expected, got, frame);
      break;
    case ClockFault::Kind::kMissing:
      std::snprintf(text.data(), text.size(), "it says no time for frame %llu", frame);
      break;
  }
  return std::string(text.data()) + "; times go on by the frame rate";
}

FilmClock::FilmClock(const FilmClockOptions& options) : options_(options) {}

nanoseconds FilmClock::frame() const {
  if (steps_seen_ >= kStepsForMedian) {
    auto sorted = steps_;
    const std::size_t count = std::min(steps_seen_, kStepsKept);
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(count / 2);
    std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(count));
    return *middle;
  }
  const double rate = options_.frames_per_second;
  // Containers whose times are wrong also declare rates of 90,000 frames a second.
  if (!(rate > 1e-5) || rate > 2000) return kUnknownFrame;
  return nanoseconds(std::llround(1e9 / rate));
}

nanoseconds FilmClock::step_max() const {
  return std::max(options_.pause_max, kFramesOfPause * frame());
}

void FilmClock::learn(nanoseconds step) { steps_[steps_seen_++ % kStepsKept] = step; }

void FilmClock::note(ClockFault::Kind kind, nanoseconds expected, nanoseconds got) {
  if (fault_) return;
  fault_ = ClockFault{.kind = kind, .frame = frames_, .expected = expected, .got = got};
}

nanoseconds FilmClock::first(std::optional<nanoseconds> container) {
  if (container && is_sane(*container)) {
    timed_ = true;
    return *container;
  }
  if (container) note(ClockFault::Kind::kJumpedAhead, {}, *container);
  return {};
}

nanoseconds FilmClock::next(std::optional<nanoseconds> container) {
  if (frames_ == 0) {
    last_ = first(container);
    ++frames_;
    return last_;
  }
  const nanoseconds counted = last_ + frame();
  nanoseconds time = counted;
  if (!container || !is_sane(*container)) {
    if (container) note(ClockFault::Kind::kJumpedAhead, counted - offset_, *container);
    if (!container && timed_) note(ClockFault::Kind::kMissing, counted - offset_, {});
    in_doubt_ = false;
  } else {
    // The first time of a film whose first frames had none fits wherever the count has come.
    if (!timed_) offset_ = counted - *container;
    timed_ = true;
    const nanoseconds step = *container + offset_ - last_;
    if (step >= kStepLeast && step <= step_max()) {
      time = last_ + step;
      if (!in_doubt_) learn(step);
      in_doubt_ = false;
    } else if (step < kStepLeast && step > -kDisorder && !in_doubt_) {
      in_doubt_ = true;
      time = last_ + frame() / 2;
    } else {
      const auto kind = step > step_max() ? ClockFault::Kind::kJumpedAhead
                        : step < -frame() ? ClockFault::Kind::kWentBack
                                          : ClockFault::Kind::kStoodStill;
      note(kind, last_ - offset_, *container);
      offset_ = counted - *container;
      in_doubt_ = true;
    }
  }
  last_ = time;
  ++frames_;
  return time;
}

}  // namespace shoal
