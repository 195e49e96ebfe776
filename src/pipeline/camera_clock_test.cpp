// Goal: whatever a camera's clock does, as many frames are analysed as fps_max allows, and none is
// missing for longer than age_max. Method: the three pure parts that decide it, put together as the
// reader does, over simulated streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "pipeline/catch_up.h"
#include "pipeline/frame_rate.h"
#include "source/capture_clock.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr TimePoint kStart = TimePoint(std::chrono::hours(1));
constexpr Duration kAgeMax = seconds(1);
constexpr int kSeconds = 60;

struct Stream {
  std::string name;
  double frames_per_second = 25;
  double jitter_ms = 5;
  std::function<double(double)> media = [](double at) { return at; };  // seconds to seconds
};

struct Analysed {
  int frames = 0;
  Duration gap{};  // the longest without one, on this machine's clock
  int backwards = 0;
};

Analysed watch(const Stream& stream, double fps_max, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::exponential_distribution<double> jitter(1.0);
  CaptureClock clock;
  CatchUp catch_up(kAgeMax);
  FrameThinner thinner(fps_max);
  Analysed seen;
  TimePoint now = kStart;
  TimePoint passed = kStart;
  const int frames = static_cast<int>(kSeconds * stream.frames_per_second);
  for (int i = 0; i < frames; ++i) {
    const double at = i / stream.frames_per_second;
    const TimePoint asked = now + milliseconds(5);  // decoded by then
    now = std::max(asked, kStart + nanoseconds(std::llround(
                                       (at + stream.jitter_ms / 1000 * jitter(random)) * 1e9)));
    catch_up.waited(now - asked, now);
    const nanoseconds media(std::llround(stream.media(at) * 1e9));
    if (!catch_up.wants(i % 50 == 0, clock.captured(media, now), now)) continue;
    clock.arrived(media, now, !catch_up.lags());
    const TimePoint captured = clock.captured(media, now);
    EXPECT_LE(captured, now);
    const auto verdict = catch_up.judge(captured, now);
    EXPECT_NE(verdict, CatchUp::Verdict::kSkip) << stream.name << ' ' << at;
    if (verdict == CatchUp::Verdict::kStale || verdict == CatchUp::Verdict::kSkip) continue;
    if (!thinner.passes(captured)) continue;
    ++seen.frames;
    seen.gap = std::max(seen.gap, now - passed);
    passed = now;
  }
  seen.gap = std::max(seen.gap, now - passed);
  return seen;
}

std::vector<Stream> streams() {
  std::vector<Stream> all{{.name = "right"}};
  for (const double rate : {0.0, 0.1, 0.3, 0.5, 0.7, 0.84, 0.9, 0.95, 0.98, 1.02, 1.3, 3.0}) {
    all.push_back({.name = "rate " + std::to_string(rate),
                   .media = [rate](double at) { return at * rate; }});
    all.push_back({.name = "few frames, rate " + std::to_string(rate), .frames_per_second = 6,
                   .media = [rate](double at) { return at * rate; }});
  }
  all.push_back({.name = "begins again every 3 s", .media = [](double at) {
    return std::fmod(at, 3);
  }});
  all.push_back({.name = "stands still every other 5 s", .media = [](double at) {
    return std::floor(at / 10) * 5 + std::min(5.0, std::fmod(at, 10));
  }});
  all.push_back({.name = "two seconds back, once", .media = [](double at) {
    return at < 20 ? at : at - 2;
  }});
  all.push_back({.name = "half a second back, every 5 s", .media = [](double at) {
    return at - std::floor(at / 5) * 0.5;
  }});
  all.push_back({.name = "an hour ahead, once", .media = [](double at) {
    return at < 20 ? at : at + 3600;
  }});
  all.push_back({.name = "its 32 bits wrap", .media = [](double at) {
    return std::fmod(at + 47'700, 4294967296.0 / 90'000);
  }});
  all.push_back({.name = "whole seconds only", .media = [](double at) { return std::floor(at); }});
  all.push_back({.name = "pairs of equal times", .media = [](double at) {
    return std::floor(at * 12.5) / 12.5;
  }});
  all.push_back({.name = "backwards", .media = [](double at) { return 1000 - at; }});
  all.push_back({.name = "any time", .media = [](double at) {
    return std::fmod(at * 7919.77, 100);
  }});
  return all;
}

TEST(CameraClockTest, NoClockCostsFramesOrMakesHoles) {
  for (const Stream& stream : streams()) {
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
      const Analysed seen = watch(stream, 3, seed);
      EXPECT_GE(seen.frames, 3 * kSeconds * 93 / 100) << stream.name;
      EXPECT_LE(seen.frames, 3 * kSeconds * 107 / 100 + 2) << stream.name;
      EXPECT_LE(seen.gap, kAgeMax) << stream.name << ' ' << to_milliseconds(seen.gap);
    }
  }
}

}  // namespace
}  // namespace shoal
