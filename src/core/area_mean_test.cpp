// Goal: a reduced picture is the mean of what its pixels cover. Method: plain arithmetic beside it.
#include "core/area_mean.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>

namespace shoal {
namespace {

// How much of [at, at + 1) lies in [begin, end).
double share(int at, double begin, double end) {
  return std::max(0.0, std::min(at + 1.0, end) - std::max<double>(at, begin));
}

// The definition: the mean of what a pixel covers, with exact borders.
double mean_of(const ImageView& view, Size to, int x, int y, int channel) {
  const double left = static_cast<double>(x) * view.size.width / to.width;
  const double right = (x + 1.0) * view.size.width / to.width;
  const double top = static_cast<double>(y) * view.size.height / to.height;
  const double bottom = (y + 1.0) * view.size.height / to.height;
  double sum = 0;
  double weights = 0;
  for (int row = static_cast<int>(top); row < view.size.height && row < bottom; ++row) {
    for (int column = static_cast<int>(left); column < view.size.width && column < right;
         ++column) {
      const double weight = share(row, top, bottom) * share(column, left, right);
      sum += weight * view.data[row * view.pitch_bytes + 3 * column + channel];
      weights += weight;
    }
  }
  return sum / weights;
}

TEST(ReduceArea, IsTheMeanOfWhatAPixelCovers) {
  std::mt19937 random(7);
  for (const auto& [from, to] : {std::pair{Size{64, 48}, Size{16, 12}}, {{101, 67}, {64, 41}},
                                 {{640, 360}, {64, 36}}, {{65, 1}, {64, 1}}, {{70, 500}, {64, 3}},
                                 {{64, 64}, {64, 64}}}) {
    const std::ptrdiff_t pitch = 3 * from.width + 5;
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(pitch * from.height));
    for (std::uint8_t& byte : pixels) byte = static_cast<std::uint8_t>(random());
    const ImageView view{pixels.data(), from, pitch};
    std::vector<std::uint8_t> reduced(static_cast<std::size_t>(3 * to.width * to.height));
    ReduceRoom room;
    reduce_area(view, to, reduced.data(), room);
    std::size_t at = 0;
    for (int y = 0; y < to.height; ++y) {
      for (int x = 0; x < to.width; ++x) {
        for (int channel = 0; channel < 3; ++channel, ++at) {
          // Borders are in 256ths of a pixel.
          ASSERT_NEAR(reduced[at], mean_of(view, to, x, y, channel), 1.6)
              << from.width << 'x' << from.height << ' ' << x << ' ' << y;
        }
      }
    }
  }
}

TEST(ReduceArea, KeepsAFlatPictureToTheBit) {
  const std::vector<std::uint8_t> pixels(3 * 101 * 67, 200);
  std::vector<std::uint8_t> reduced(3 * 64 * 42);
  ReduceRoom room;
  reduce_area({pixels.data(), {101, 67}, 3 * 101}, {64, 42}, reduced.data(), room);
  for (const std::uint8_t byte : reduced) ASSERT_EQ(byte, 200);
}

TEST(ReduceArea, SumsOfTheLargestPicturesFit) {
  constexpr Size kLarge{1920, 7680};
  const std::vector<std::uint8_t> pixels(std::size_t{3} * kLarge.width * kLarge.height, 255);
  std::vector<std::uint8_t> reduced(3 * 64);
  ReduceRoom room;
  reduce_area({pixels.data(), kLarge, 3 * kLarge.width}, {64, 1}, reduced.data(), room);
  for (const std::uint8_t byte : reduced) ASSERT_EQ(byte, 255);
}

TEST(ReducedSize, IsInProportionAndNeverLarger) {
  EXPECT_EQ(reduced_size({1920, 1080}, 640), (Size{640, 360}));
  EXPECT_EQ(reduced_size({1280, 720}, 1920), (Size{1280, 720}));
  EXPECT_EQ(reduced_size({1000, 1}, 64), (Size{64, 1}));
  EXPECT_EQ(reduced_size({1080, 1920}, 540), (Size{540, 960}));
}

}  // namespace
}  // namespace shoal
