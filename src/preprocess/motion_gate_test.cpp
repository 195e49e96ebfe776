// What passes the gate and what does not: noise, light, objects of several sizes, time, other
// sizes of picture.
#include "preprocess/motion_gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "core/counted_allocations.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A picture with structure at all scales, so that no cell is flat by accident.
struct Picture {
  Size size;
  std::ptrdiff_t pitch = 0;
  std::vector<std::uint8_t> bytes;
  PixelFormat format = PixelFormat::kRgb8;

  explicit Picture(Size of, std::ptrdiff_t padding = 0) : size(of), pitch(3 * of.width + padding) {
    bytes.resize(static_cast<std::size_t>(pitch * of.height));
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const double value = 110 + 50 * std::sin(x * 0.011) + 40 * std::sin(y * 0.017 + x * 0.005);
        for (int c = 0; c < 3; ++c) at(x, y)[c] = static_cast<std::uint8_t>(value + 5 * c);
      }
    }
  }
  std::uint8_t* at(int x, int y) { return bytes.data() + y * pitch + 3 * x; }
  void fill(int x0, int y0, int width, int height, std::uint8_t value) {
    for (int y = std::max(0, y0); y < std::min(size.height, y0 + height); ++y) {
      for (int x = std::max(0, x0); x < std::min(size.width, x0 + width); ++x) {
        std::fill_n(at(x, y), 3, value);
      }
    }
  }
  void change(const std::function<double(double)>& tone) {
    for (std::uint8_t& byte : bytes) {
      byte = static_cast<std::uint8_t>(std::clamp(tone(byte), 0.0, 255.0));
    }
  }
  // Gaussian, of that many grey levels.
  void add_noise(std::mt19937& random, double levels) {
    std::normal_distribution<double> noise(0, levels);
    change([&](double value) { return std::lround(value + noise(random)); });
  }
  [[nodiscard]] ImageView view() const { return {bytes.data(), size, pitch, format}; }
};

TimePoint at(std::int64_t ms) { return TimePoint(seconds(1000)) + milliseconds(ms); }

class MotionGateTest : public ::testing::Test {
 protected:
  bool passes(const Picture& picture) { return gate_.passes(picture.view(), at(now_ += 40)); }
  MotionGate gate_{MotionGateOptions{.threshold = 0.01, .refresh = std::chrono::hours(1)}};
  std::int64_t now_ = 0;
};

TEST_F(MotionGateTest, TheFirstPicturePassesAndTheSameOneDoesNot) {
  const Picture picture({1280, 720});
  EXPECT_TRUE(passes(picture));
  EXPECT_EQ(gate_.changed(), 1.0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(passes(picture));
    EXPECT_EQ(gate_.changed(), 0.0);
  }
}

TEST_F(MotionGateTest, TheNoiseOfACameraDoesNotPass) {
  const Picture clean({1280, 720});
  std::mt19937 random(20260315);
  ASSERT_TRUE(passes(clean));
  for (const double levels : {2.0, 4.0, 8.0}) {
    for (int i = 0; i < 3; ++i) {
      Picture noisy = clean;
      noisy.add_noise(random, levels);
      EXPECT_FALSE(passes(noisy)) << levels << ": " << gate_.changed();
    }
  }
}

TEST_F(MotionGateTest, NoiseDoesNotPassAgainstANoisyReference) {
  const Picture clean({640, 360});  // smaller cells than at 1280
  std::mt19937 random(3);
  Picture noisy = clean;
  noisy.add_noise(random, 6);
  ASSERT_TRUE(passes(noisy));
  for (int i = 0; i < 5; ++i) {
    noisy = clean;
    noisy.add_noise(random, 6);
    EXPECT_FALSE(passes(noisy)) << gate_.changed();
  }
}

TEST_F(MotionGateTest, AChangeOfLightDoesNotPass) {
  const Picture day({1280, 720});
  ASSERT_TRUE(passes(day));
  for (const double shift : {10.0, 30.0, -30.0, 50.0}) {
    Picture other = day;
    other.change([&](double value) { return value + shift; });
    EXPECT_FALSE(passes(other)) << shift << ": " << gate_.changed();
  }
  Picture exposed = day;
  exposed.change([](double value) { return 1.1 * value; });
  EXPECT_FALSE(passes(exposed)) << gate_.changed();
}

TEST_F(MotionGateTest, AnObjectPassesWhenItComesMovesAndGoes) {
  const Picture empty({1280, 720});
  ASSERT_TRUE(passes(empty));
  Picture with = empty;
  with.fill(300, 300, 110, 120, 250);  // 1.4 % of the picture
  EXPECT_TRUE(passes(with));
  EXPECT_FALSE(passes(with));
  Picture moved = empty;
  moved.fill(380, 300, 110, 120, 250);
  EXPECT_TRUE(passes(moved));
  EXPECT_TRUE(passes(empty));
}

TEST_F(MotionGateTest, AnObjectIsSeenDespiteAChangeOfLight) {
  const Picture empty({1280, 720});
  ASSERT_TRUE(passes(empty));
  Picture with = empty;
  with.change([](double value) { return value + 25; });
  with.fill(300, 300, 110, 120, 15);
  EXPECT_TRUE(passes(with));
}

TEST_F(MotionGateTest, TheThresholdDecidesHowSmallAnObjectIsSeen) {
  const Picture empty({1920, 1080});
  Picture with = empty;
  with.fill(800, 500, 60, 60, 255);  // 9 of 5,184 cells
  ASSERT_TRUE(passes(empty));
  EXPECT_FALSE(passes(with));
  EXPECT_NEAR(gate_.changed(), 9.0 / 5184, 7.0 / 5184);
  MotionGate keen(MotionGateOptions{.threshold = 0.0005, .refresh = std::chrono::hours(1)});
  ASSERT_TRUE(keen.passes(empty.view(), at(0)));
  EXPECT_TRUE(keen.passes(with.view(), at(40)));
  EXPECT_FALSE(keen.passes(with.view(), at(80)));
}

TEST_F(MotionGateTest, WhatCreepsIsSeenOnceItHasGoneFarEnough) {
  const Picture empty({1280, 720});
  int passed = 0;
  for (int i = 0; i < 200; ++i) {  // 1 pixel a frame
    Picture with = empty;
    with.fill(100 + i, 200, 200, 300, 250);
    passed += passes(with) ? 1 : 0;
  }
  EXPECT_GE(passed, 5);
  EXPECT_LE(passed, 60);
}

TEST_F(MotionGateTest, TimePassesARefresh) {
  MotionGate gate(MotionGateOptions{.threshold = 0.01, .refresh = seconds(2)});
  const Picture picture({640, 480});
  std::vector<int> passed;
  for (int ms = 0; ms < 7000; ms += 100) {
    if (gate.passes(picture.view(), at(ms))) passed.push_back(ms);
  }
  EXPECT_EQ(passed, (std::vector<int>{0, 2000, 4000, 6000}));
}

TEST_F(MotionGateTest, AnotherSizePasses) {
  const Picture large({1280, 720});
  const Picture small({640, 360});
  EXPECT_TRUE(passes(large));
  EXPECT_TRUE(passes(small));
  EXPECT_FALSE(passes(small));
  EXPECT_TRUE(passes(large));
  gate_.restart();
  EXPECT_TRUE(passes(large));
}

TEST_F(MotionGateTest, RowsMayBePaddedAndColoursInAnyOrder) {
  Picture padded({322, 240}, 38);
  for (int y = 0; y < 240; ++y) {  // what lies behind a row is not looked at
    std::fill_n(padded.bytes.begin() + y * padded.pitch + 3 * 322, 38, std::uint8_t{255});
  }
  ASSERT_TRUE(passes(Picture({322, 240})));
  EXPECT_FALSE(passes(padded));
  EXPECT_EQ(gate_.changed(), 0.0);
  Picture swapped({322, 240});
  for (int y = 0; y < 240; ++y) {
    for (int x = 0; x < 322; ++x) std::swap(swapped.at(x, y)[0], swapped.at(x, y)[2]);
  }
  swapped.format = PixelFormat::kBgr8;
  EXPECT_FALSE(passes(swapped));
  EXPECT_EQ(gate_.changed(), 0.0);
}

TEST_F(MotionGateTest, AnySizeOfPictureHasCells) {
  for (const Size size : {Size{1, 1}, Size{3, 500}, Size{500, 3}, Size{95, 97}, Size{4096, 2}}) {
    Picture picture(size);
    EXPECT_TRUE(passes(picture));
    EXPECT_FALSE(passes(picture));
    picture.fill(0, 0, size.width / 2 + 1, size.height / 2 + 1, 255);
    picture.fill(size.width / 2 + 1, 0, size.width, size.height, 0);
    const bool changed = passes(picture);
    EXPECT_TRUE(changed || size.width == 1) << size.width << "x" << size.height;
  }
  EXPECT_TRUE(gate_.passes(ImageView{}, at(0)));
}

TEST_F(MotionGateTest, DoesNotAllocateOnceTheSizeIsKnown) {
  const Picture a({1280, 720});
  Picture b = a;
  b.fill(0, 0, 600, 600, 0);
  ASSERT_TRUE(passes(a));
  const std::size_t before = counted_allocations();
  bool all = true;
  for (int i = 0; i < 10; ++i) all = passes(i % 2 == 0 ? b : a) && all;
  EXPECT_EQ(counted_allocations() - before, 0U);
  EXPECT_TRUE(all);
}

}  // namespace
}  // namespace shoal
