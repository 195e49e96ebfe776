// Goal: whatever the network and the camera's clock do, frames get the time at which they would
// have arrived over an idle network. Method: properties over seeded streams with known truth.
#include "source/capture_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr TimePoint kStart = TimePoint(std::chrono::hours(1000));

struct Sent {
  nanoseconds media{};
  TimePoint ideal;    // arrival over an idle network: what captured() is measured against
  TimePoint arrival;  // in order
};

struct StreamOptions {
  double frames_per_second = 25;
  int frames = 1500;
  double drift = 0;        // share by which the sender's clock runs too fast
  double jitter_ms = 0;    // mean of an exponential delay
  std::uint32_t seed = 1;
};

std::vector<Sent> stream(const StreamOptions& options) {
  std::mt19937 random(options.seed);
  std::exponential_distribution<double> delay(1.0);
  std::vector<Sent> all;
  TimePoint before = kStart;
  for (int i = 0; i < options.frames; ++i) {
    const double at = i / options.frames_per_second;
    Sent one;
    one.media = nanoseconds(std::llround(at * (1 + options.drift) * 1e9));
    one.ideal = kStart + milliseconds(30) + nanoseconds(std::llround(at * 1e9));
    one.arrival = one.ideal + nanoseconds(std::llround(delay(random) * options.jitter_ms * 1e6));
    one.arrival = before = std::max(before, one.arrival);
    all.push_back(one);
  }
  return all;
}

double off_ms(const CaptureClock& clock, const Sent& one) {
  return to_milliseconds(clock.captured(one.media, one.arrival) - one.ideal);
}

TEST(CaptureClockTest, TakesTheFastestPacketForTheNetworksLeastDelayWhateverTheJitter) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    CaptureClock clock;
    const auto all = stream({.jitter_ms = 1.0 * (seed % 5) * 20, .seed = seed});
    for (std::size_t i = 0; i < all.size(); ++i) {
      clock.arrived(all[i].media, all[i].arrival);
      const double off = off_ms(clock, all[i]);
      EXPECT_GE(off, -1e-3);
      EXPECT_LE(clock.captured(all[i].media, all[i].arrival), all[i].arrival);
      // The least of 125 exponential delays is a 125th of their mean; more here, because packets do
      // not overtake each other.
      const double most = i < 125 ? 1e9 : 1.0 * (seed % 5) * 20 / 125 * 25 + 1e-3;
      EXPECT_LE(off, most) << seed << ' ' << i;
    }
  }
}

TEST(CaptureClockTest, FollowsASenderWhoseClockDrifts) {
  for (const double drift : {-1e-3, -1e-4, 1e-4, 1e-3}) {
    for (const double rate : {1.0, 5.0, 25.0, 60.0}) {
      CaptureClock clock;
      const auto all = stream({.frames_per_second = rate, .frames = static_cast<int>(600 * rate),
                               .drift = drift, .jitter_ms = 5});
      double worst = 0;
      for (const Sent& one : all) {
        clock.arrived(one.media, one.arrival);
        if (one.ideal > kStart + seconds(15)) worst = std::max(worst, std::abs(off_ms(clock, one)));
      }
      // Ten seconds of drift, and jitter where few packets come to take the least of.
      EXPECT_LE(worst, 10'000 * std::abs(drift) + (rate < 25 ? 50 : 3)) << drift << ' ' << rate;
    }
  }
}

TEST(CaptureClockTest, StartsAnewWhereMediaTimeJumps) {
  for (const std::int64_t jump_s : {-86'400, -3600, -20, -2, 2, 20, 3600, 86'400}) {
    CaptureClock clock;
    auto all = stream({.frames = 500, .jitter_ms = 2});
    for (std::size_t i = 250; i < all.size(); ++i) {
      all[i].media += seconds(90'000 + jump_s);
    }
    for (std::size_t i = 0; i < 250; ++i) all[i].media += seconds(90'000);
    for (std::size_t i = 0; i < all.size(); ++i) {
      clock.arrived(all[i].media, all[i].arrival);
      // At once: the first packet behind the jump is off by its own delay only.
      const double own = to_milliseconds(all[i].arrival - all[i].ideal);
      EXPECT_LE(std::abs(off_ms(clock, all[i])), own + 20) << jump_s << ' ' << i;
    }
  }
}

TEST(CaptureClockTest, ABurstAfterAStallIsAsOldAsItIs) {
  CaptureClock clock;
  auto all = stream({.frames = 600});
  for (std::size_t i = 300; i < 375; ++i) all[i].arrival = all[375].arrival;  // held up for 3 s
  for (const Sent& one : all) {
    clock.arrived(one.media, one.arrival);
    EXPECT_NEAR(off_ms(clock, one), 0, 1e-3);
  }
}

TEST(CaptureClockTest, ALongerWayIsNoAgeAfterHalfASecond) {
  CaptureClock clock;
  auto all = stream({.frames = 1500});
  for (std::size_t i = 300; i < all.size(); ++i) all[i].arrival += milliseconds(700);
  for (std::size_t i = 0; i < all.size(); ++i) {
    clock.arrived(all[i].media, all[i].arrival);
    if (i >= 300 && i < 300 + 14) continue;  // somewhere in between it changes
    EXPECT_NEAR(off_ms(clock, all[i]), i < 300 ? 0 : 700, 1e-3) << i;
    EXPECT_FALSE(clock.wrong_rate());
  }
  // And it is believed again: what is then held up is as old as it is.
  const Sent held = {.media = all.back().media + milliseconds(40), .ideal = {}, .arrival = {}};
  const TimePoint late = all.back().arrival + seconds(2);
  clock.arrived(held.media, late);
  EXPECT_NEAR(to_milliseconds(late - clock.captured(held.media, late)), 1960, 1);
}

TEST(CaptureClockTest, AWrongRateIsSaidAndArrivalCounts) {
  for (const double rate : {0.0, 0.1, 0.3, 0.5, 0.7, 0.84, 0.9, 0.95, 1.05, 1.3, 2.0, 10.0}) {
    for (const double jitter_ms : {0.0, 10.0}) {
      CaptureClock clock;
      const auto all = stream({.frames = 25 * 40, .drift = rate - 1, .jitter_ms = jitter_ms});
      for (std::size_t i = 0; i < all.size(); ++i) {
        clock.arrived(all[i].media, all[i].arrival);
        // Whatever it does, no age is believed for long that would cost a frame.
        const auto age = all[i].arrival - clock.captured(all[i].media, all[i].arrival);
        EXPECT_LT(to_milliseconds(age), 800 + 10 * jitter_ms) << rate << ' ' << i;
      }
      ASSERT_TRUE(clock.wrong_rate()) << rate << ' ' << jitter_ms;
      EXPECT_NEAR(*clock.wrong_rate(), rate, 0.02) << jitter_ms;
      EXPECT_EQ(clock.captured(all.back().media, all.back().arrival), all.back().arrival);
    }
  }
}

TEST(CaptureClockTest, AClockThatGoesRightAgainIsBelievedAgain) {
  CaptureClock clock;
  std::vector<Sent> all = stream({.frames = 25 * 30, .drift = -0.3});
  const auto right = stream({.frames = 25 * 30});
  for (const Sent& one : right) {
    all.push_back({one.media + seconds(21), one.ideal + seconds(30), one.arrival + seconds(30)});
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    clock.arrived(all[i].media, all[i].arrival);
    if (i == 25 * 30 - 1) {
      EXPECT_TRUE(clock.wrong_rate());
    }
  }
  EXPECT_FALSE(clock.wrong_rate());
  EXPECT_NEAR(off_ms(clock, all.back()), 0, 1);
}

TEST(CaptureClockTest, EqualTimesAreNoTimes) {
  CaptureClock clock;
  for (int i = 0; i < 100; ++i) {
    const TimePoint now = kStart + milliseconds(40) * i;
    clock.arrived(seconds(7), now);
    if (i < 3) continue;
    EXPECT_EQ(clock.captured(seconds(7), now), now) << i;
  }
}

TEST(CaptureClockTest, WhatLayUnreadSaysNothingOfTheClock) {
  // Read at 20 a second of 25: ever later, and the reader's fault.
  CaptureClock clock;
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = kStart + milliseconds(50) * i;
    const nanoseconds media = milliseconds(40) * i;
    clock.arrived(media, now, false);
    if (i >= 100) continue;
    EXPECT_NEAR(to_milliseconds(now - clock.captured(media, now)), 10 * i, 1e-3);
  }
  EXPECT_FALSE(clock.wrong_rate());
}

TEST(CaptureClockTest, WhatARecorderSendsAheadAtTheBeginningIsNoFault) {
  CaptureClock clock;
  auto all = stream({.frames = 1500});
  for (std::size_t i = 0; i < 100; ++i) all[i].arrival = all[100].arrival - milliseconds(100 - i);
  for (std::size_t i = 0; i < 100; ++i) all[i].ideal = all[i].arrival;  // nobody can know better
  for (const Sent& one : all) {
    clock.arrived(one.media, one.arrival);
    EXPECT_LT(std::abs(off_ms(clock, one)), 1);
    EXPECT_FALSE(clock.wrong_rate());
  }
}

TEST(CaptureClockTest, AClockThatBeginsAgainEveryFewSecondsIsFollowed) {
  for (const int every : {30, 75, 250}) {
    CaptureClock clock;
    auto all = stream({.frames = 2000, .jitter_ms = 2});
    for (std::size_t i = 0; i < all.size(); ++i) {
      clock.arrived(milliseconds(40) * (i % static_cast<std::size_t>(every)), all[i].arrival);
      const auto age = all[i].arrival - clock.captured(
          milliseconds(40) * (i % static_cast<std::size_t>(every)), all[i].arrival);
      EXPECT_LT(to_milliseconds(age), 50) << every << ' ' << i;
    }
  }
}

TEST(CaptureClockTest, BFramesAreNoJump) {
  CaptureClock clock;
  // Sent as I0 P3 B1 B2 P6 B4 B5 at 10 frames a second: each three apart at most.
  const int order[] = {0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11};
  TimePoint now = kStart;
  for (const int frame : order) {
    now += milliseconds(100);
    clock.arrived(milliseconds(100) * frame, now);
  }
  // The P frames come soonest after their time; B frames have been waiting for them.
  EXPECT_EQ(clock.captured(milliseconds(1200), now), kStart + milliseconds(1100));
  EXPECT_EQ(clock.captured(milliseconds(1000), now), kStart + milliseconds(900));
}

TEST(CaptureClockTest, WhatIsUnknownWasCapturedNow) {
  CaptureClock clock;
  EXPECT_EQ(clock.captured(seconds(3), kStart), kStart);
  clock.arrived(std::nullopt, kStart);
  EXPECT_EQ(clock.captured(seconds(3), kStart), kStart);
  clock.arrived(seconds(3), kStart);
  EXPECT_EQ(clock.captured(std::nullopt, kStart + seconds(1)), kStart + seconds(1));
  EXPECT_EQ(clock.captured(seconds(3), kStart + seconds(1)), kStart);
  EXPECT_EQ(clock.captured(seconds(9), kStart + seconds(1)), kStart + seconds(1));  // never ahead
  clock.restart();
  EXPECT_EQ(clock.captured(seconds(3), kStart + seconds(2)), kStart + seconds(2));
}

TEST(CaptureClockTest, GarbageTimesDoNoHarm) {
  CaptureClock clock;
  std::mt19937_64 random(7);
  TimePoint now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += nanoseconds(static_cast<std::int64_t>(random() % 1'000'000'000));
    const nanoseconds media(static_cast<std::int64_t>(random() >> (1 + random() % 63)) *
                            (random() % 2 == 0 ? 1 : -1));
    clock.arrived(media, now);
    EXPECT_LE(clock.captured(nanoseconds(static_cast<std::int64_t>(random())), now), now);
  }
}

}  // namespace
}  // namespace shoal
