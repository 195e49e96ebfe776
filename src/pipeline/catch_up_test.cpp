// Goal: a camera that cannot be decoded as fast as it comes still gives fresh frames, as many as
// the time allows; what was only held up loses nothing that decoding can catch up with.
// Method: a simulated camera, network and decoder on a virtual clock.
#include "pipeline/catch_up.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace shoal {
namespace {

using std::chrono::milliseconds;

constexpr Duration kAgeMax = milliseconds(1000);

struct Camera {
  Duration period = milliseconds(40);
  int group = 25;                        // frames from key frame to key frame
  Duration decode = milliseconds(10);    // a frame
  // When what was captured then arrives; never before.
  std::function<Duration(Duration)> arrives = [](Duration captured) { return captured; };
};

struct Seen {
  int fresh = 0;
  int late = 0;
  int stale = 0;     // decoded in vain
  int left_out = 0;
  Duration gap{};    // the longest between two frames that passed
  Duration oldest{}; // of the fresh ones, when decoded
};

Seen watch(const Camera& camera, Duration lasting) {
  CatchUp catch_up(kAgeMax);
  Seen seen;
  bool waits_for_key = false;
  const TimePoint start = TimePoint{} + std::chrono::hours(1);
  TimePoint now = start;
  TimePoint passed = start;
  for (int i = 0; camera.period * i < lasting; ++i) {
    const TimePoint captured = start + camera.period * i;
    now = std::max(now, start + camera.arrives(captured - start));
    const bool key = i % camera.group == 0;
    if (!catch_up.wants(key, captured, now) || (waits_for_key && !key)) {
      ++seen.left_out;
      continue;
    }
    waits_for_key = false;
    now += camera.decode;
    const CatchUp::Verdict verdict = catch_up.judge(captured, now);
    waits_for_key = verdict == CatchUp::Verdict::kSkip;
    const bool passes = verdict == CatchUp::Verdict::kFresh || verdict == CatchUp::Verdict::kLate;
    seen.fresh += verdict == CatchUp::Verdict::kFresh ? 1 : 0;
    seen.late += verdict == CatchUp::Verdict::kLate ? 1 : 0;
    seen.stale += passes ? 0 : 1;
    if (!passes) continue;
    seen.gap = std::max(seen.gap, now - passed);
    passed = now;
    if (verdict == CatchUp::Verdict::kFresh) seen.oldest = std::max(seen.oldest, now - captured);
  }
  return seen;
}

TEST(CatchUpTest, ACameraThatIsDecodedInTimeLosesNothing) {
  const Seen seen = watch({}, std::chrono::seconds(60));
  EXPECT_EQ(seen.fresh, 1500);
  EXPECT_EQ(seen.stale + seen.left_out + seen.late, 0);
}

TEST(CatchUpTest, OneThatNeedsTwiceTheTimeGivesMostOfWhatTheTimeAllows) {
  // 5 a second, a key frame a second, decoded at 2.5 a second.
  const Seen seen = watch({.period = milliseconds(200), .group = 5, .decode = milliseconds(400)},
                          std::chrono::seconds(60));
  EXPECT_GT(seen.fresh, 85);  // of 150 for which there is time
  EXPECT_LE(seen.oldest, kAgeMax);
  EXPECT_LT(seen.gap, milliseconds(2000));
}

TEST(CatchUpTest, LittleIsDecodedInVainAtAnyLoad) {
  for (const int decode_ms : {45, 60, 80, 120, 200, 400, 900}) {
    for (const int group : {10, 25, 50, 250}) {
      const Seen seen = watch({.group = group, .decode = milliseconds(decode_ms)},
                              std::chrono::minutes(5));
      const int decoded = seen.fresh + seen.late + seen.stale;
      // Of two frames that fit into age_max the second is too old.
      const int least = decode_ms <= 200 ? 70 : decode_ms <= 400 ? 45 : 0;
      EXPECT_GE(seen.fresh * 100, decoded * least) << decode_ms << " ms, group " << group;
      EXPECT_LE(seen.gap, milliseconds(40) * group + 3 * milliseconds(decode_ms) + kAgeMax)
          << decode_ms << " ms, group " << group;
    }
  }
}

TEST(CatchUpTest, AFrameThatNeedsLongerThanAgeMaxStillPassesNowAndThen) {
  const Seen seen = watch({.period = milliseconds(500), .group = 4, .decode = milliseconds(1500)},
                          std::chrono::seconds(60));
  EXPECT_EQ(seen.fresh, 0);
  EXPECT_GT(seen.late, 10);
  EXPECT_LT(seen.gap, milliseconds(5000));
}

TEST(CatchUpTest, WhatWasHeldUpIsCaughtUpWithAndNotSkipped) {
  // A key frame every ten seconds; after five the network holds everything back for three.
  const auto held_up = [](Duration captured) {
    const bool held = captured > std::chrono::seconds(5) && captured < std::chrono::seconds(8);
    return held ? Duration(std::chrono::seconds(8)) : captured;
  };
  const Seen seen = watch({.group = 250, .arrives = held_up}, std::chrono::seconds(20));
  EXPECT_EQ(seen.left_out, 0);
  EXPECT_LE(seen.stale, 75);  // of the rush
  EXPECT_GE(seen.fresh, 425);
  EXPECT_LT(seen.gap, milliseconds(3700));
}

TEST(CatchUpTest, AClockThatJudgesFramesTooOldCostsNoMoreThanAgeMaxAtATime) {
  // All frames arrive five seconds late from the tenth second on: more than key frames are apart.
  const auto slower = [](Duration captured) {
    return captured + (captured > std::chrono::seconds(10) ? std::chrono::seconds(5)
                                                           : std::chrono::seconds(0));
  };
  const Seen seen = watch({.arrives = slower}, std::chrono::seconds(40));
  EXPECT_GT(seen.late, 10);
  EXPECT_LT(seen.gap, milliseconds(8000));
}

TEST(CatchUpTest, AReaderThatWaitsHasNothingYoungerToSkipTo) {
  CatchUp catch_up(kAgeMax);
  TimePoint now(std::chrono::hours(1));
  int late = 0;
  for (int i = 0; i < 250; ++i, now += milliseconds(40)) {
    catch_up.waited(milliseconds(30), now);
    EXPECT_TRUE(catch_up.wants(i % 50 == 0, now - std::chrono::seconds(5), now));
    if (i < 25) continue;  // time to see that it waits
    EXPECT_TRUE(catch_up.keeps_up());
    const auto verdict = catch_up.judge(now - std::chrono::seconds(5), now);
    EXPECT_NE(verdict, CatchUp::Verdict::kSkip);
    late += verdict == CatchUp::Verdict::kLate ? 1 : 0;
  }
  EXPECT_EQ(late, 8);  // one in age_max
  for (int i = 0; i < 25; ++i, now += milliseconds(40)) catch_up.waited(milliseconds(1), now);
  EXPECT_TRUE(catch_up.lags());
}

}  // namespace
}  // namespace shoal
