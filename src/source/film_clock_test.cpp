// Goal: each frame has a time later than the one before, the container's wherever plausible.
// Method: clocks as recorders write them, good and broken, and random mixtures of all faults.
#include "source/film_clock.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace shoal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Times = std::vector<std::optional<nanoseconds>>;

constexpr nanoseconds kFrame = milliseconds(40);

Times steady(int frames, nanoseconds begin = {}, nanoseconds step = kFrame) {
  Times times;
  for (int i = 0; i < frames; ++i) times.emplace_back(begin + i * step);
  return times;
}

Times operator+(Times a, const Times& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<nanoseconds> follow(FilmClock& clock, const Times& times) {
  std::vector<nanoseconds> given;
  for (const auto& time : times) given.push_back(clock.next(time));
  return given;
}

void expect_counted(const std::vector<nanoseconds>& given, nanoseconds tolerance = {}) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    EXPECT_LE(std::chrono::abs(given[i] - static_cast<int>(i) * kFrame), tolerance) << i;
  }
}

TEST(FilmClockTest, APlausibleClockIsKeptToTheNanosecond) {
  // Variable rate: pauses of up to a minute, and ten frames left out.
  const Times times = steady(10) + steady(10, seconds(1), milliseconds(33)) +
                      steady(10, seconds(70), milliseconds(17)) + steady(5, seconds(80));
  FilmClock clock({.frames_per_second = 25});
  const auto given = follow(clock, times);
  for (std::size_t i = 0; i < given.size(); ++i) EXPECT_EQ(given[i], times[i]) << i;
  EXPECT_FALSE(clock.fault());
}

TEST(FilmClockTest, JoinedRecordingsGoOnWhereTheClockBeginsAgain) {
  for (const int frames : {10, 30, 500}) {
    FilmClock clock({.frames_per_second = 25});
    const auto given = follow(clock, steady(frames) + steady(frames) + steady(frames));
    // Going back by less than a second is not believed at the first frame.
    expect_counted(given, milliseconds(40));
    ASSERT_TRUE(clock.fault());
    EXPECT_EQ(clock.fault()->kind, ClockFault::Kind::kWentBack);
  }
}

TEST(FilmClockTest, SaysWhereTheClockWentBack) {
  FilmClock clock({.frames_per_second = 25});
  (void)follow(clock, steady(50) + steady(50));
  ASSERT_TRUE(clock.fault());
  EXPECT_EQ(describe(*clock.fault()),
            "its clock goes back from 1.960 s to 0.000 s at frame 50; times go on by the frame "
            "rate");
}

TEST(FilmClockTest, AClockThatStandsStillIsCountedByTheDeclaredRate) {
  FilmClock clock({.frames_per_second = 25});
  const auto given = follow(clock, Times(100, nanoseconds(0)));
  expect_counted(given, milliseconds(20));  // the second frame is taken for a repeated time
  ASSERT_TRUE(clock.fault());
  EXPECT_EQ(clock.fault()->kind, ClockFault::Kind::kStoodStill);
}

TEST(FilmClockTest, AClockThatCreepsStandsStill) {
  FilmClock clock({.frames_per_second = 90'000});  // as such containers declare
  expect_counted(follow(clock, steady(100, {}, nanoseconds(11'111))), milliseconds(20));
  EXPECT_TRUE(clock.fault());
}

TEST(FilmClockTest, AJumpByHoursIsLeftOut) {
  FilmClock clock({.frames_per_second = 25});
  const auto given =
      follow(clock, steady(50) + steady(50, hours(2)) + steady(50, milliseconds(10)));
  expect_counted(given);
  ASSERT_TRUE(clock.fault());
  EXPECT_EQ(clock.fault()->kind, ClockFault::Kind::kJumpedAhead);
  EXPECT_EQ(clock.fault()->frame, 50U);
}

TEST(FilmClockTest, WhatIsAPauseDependsOnTheFormat) {
  const Times times = steady(50) + steady(50, seconds(30));
  FilmClock film({.frames_per_second = 25});
  EXPECT_EQ(follow(film, times).back(), times.back());
  FilmClock stream({.frames_per_second = 25, .pause_max = seconds(10)});
  expect_counted(follow(stream, times));
  EXPECT_TRUE(stream.fault());
}

TEST(FilmClockTest, AFrameAMinuteIsAFilm) {
  const Times times = steady(20, {}, hours(1));
  FilmClock clock({.frames_per_second = 1.0 / 3600, .pause_max = seconds(10)});
  FilmClock undeclared;
  EXPECT_EQ(follow(clock, times).back(), times.back());
  (void)follow(undeclared, steady(20, {}, seconds(60)));
  EXPECT_FALSE(undeclared.fault());
}

TEST(FilmClockTest, FramesWithoutTimesAreCounted) {
  FilmClock counted({.frames_per_second = 25});
  expect_counted(follow(counted, Times(100)));
  EXPECT_FALSE(counted.fault());  // raw H.264 has no clock that could be wrong
  FilmClock unknown;
  expect_counted(follow(unknown, Times(100)));
  FilmClock late({.frames_per_second = 25});
  expect_counted(follow(late, Times(3) + steady(20, seconds(5))));
  EXPECT_FALSE(late.fault());
  FilmClock missing({.frames_per_second = 25});
  expect_counted(follow(missing, steady(20) + Times(5) + steady(20, milliseconds(1000))));
  ASSERT_TRUE(missing.fault());
  EXPECT_EQ(describe(*missing.fault()),
            "it says no time for frame 20; times go on by the frame rate");
}

TEST(FilmClockTest, OneRepeatedTimeMovesOneFrame) {
  FilmClock clock({.frames_per_second = 25});
  const auto given = follow(clock, steady(10) + steady(1, 9 * kFrame) + steady(10, 10 * kFrame));
  EXPECT_EQ(given[10], 9 * kFrame + kFrame / 2);
  EXPECT_EQ(given[11], 10 * kFrame);
  EXPECT_EQ(given.back(), 19 * kFrame);
  EXPECT_FALSE(clock.fault());
}

TEST(FilmClockTest, ItsFrameIsTheUsualStep) {
  FilmClock clock({.frames_per_second = 25});
  EXPECT_EQ(clock.frame(), kFrame);
  (void)follow(clock, steady(8, {}, milliseconds(100)) + steady(8, seconds(5), milliseconds(100)));
  EXPECT_EQ(clock.frame(), milliseconds(100));
}

// Whatever the container says: times rise, by no more than a pause, and a clock that is good from
// some frame on is followed at its own pace.
TEST(FilmClockTest, TimesRiseWhateverTheContainerSays) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    FilmClock clock({.frames_per_second = round % 3 == 0 ? 0.0 : 25.0});
    nanoseconds container{};
    std::optional<nanoseconds> before;
    const auto check = [&](nanoseconds time) {
      if (before) {
        ASSERT_GT(time, *before);
        ASSERT_LE(time - *before, std::chrono::minutes(10));
      }
      before = time;
    };
    for (int i = 0; i < 200; ++i) {
      std::optional<nanoseconds> said = container += kFrame;
      switch (random() % 12) {
        case 0: container = nanoseconds(static_cast<std::int64_t>(random())); break;
        case 1: container = {}; break;
        case 2: container -= milliseconds(random() % 3000); break;
        case 3: said.reset(); break;
        case 4: said = nanoseconds::min(); break;
        case 5: said = nanoseconds::max(); break;
        case 6: container += seconds(random() % 2000); break;
        default: break;
      }
      container = std::clamp<nanoseconds>(container, -hours(1'000'000), hours(1'000'000));
      check(clock.next(said));
      if (HasFatalFailure()) return;
    }
    Times good = steady(20, seconds(random() % 100'000));
    const auto given = follow(clock, good);
    for (std::size_t i = 3; i < given.size(); ++i) EXPECT_EQ(given[i] - given[i - 1], kFrame);
  }
}

}  // namespace
}  // namespace shoal
