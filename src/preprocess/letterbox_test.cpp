// Goal: the letterbox's pixels are bilinear interpolation's within a level, whatever the sizes, and
// every instruction set gives the same bytes. Method: a double-precision reference written from
// the definition, seeded noise, and buffers of exactly the promised size (for AddressSanitizer).
#include "preprocess/letterbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "core/counted_allocations.h"

namespace shoal {
namespace {

// A picture in a buffer that ends with its last pixel.
struct Picture {
  std::unique_ptr<std::uint8_t[]> bytes;
  ImageView view;
};

Picture noise(Size size, std::uint32_t seed, std::ptrdiff_t extra_pitch = 0) {
  Picture picture;
  const std::ptrdiff_t pitch = size.width * 3 + extra_pitch;
  const auto count = static_cast<std::size_t>(pitch * (size.height - 1) + size.width * 3);
  picture.bytes = std::make_unique<std::uint8_t[]>(count);
  std::mt19937 random(seed);
  // Mostly extremes: they show an error of weight best.
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<std::uint32_t>(random());
    picture.bytes[i] = (value & 0x100U) != 0 ? static_cast<std::uint8_t>(value)
                                             : static_cast<std::uint8_t>((value & 1U) * 255U);
  }
  picture.view = {.data = picture.bytes.get(), .size = size, .pitch_bytes = pitch};
  return picture;
}

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const auto set : {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (set <= best_instruction_set()) sets.push_back(set);
  }
  return sets;
}

std::vector<std::uint8_t> run(const ImageView& picture, const Letterbox& geometry,
                              const LetterboxOptions& options) {
  // Exactly as large as promised, so that a write behind it is seen.
  std::vector<std::uint8_t> out(
      static_cast<std::size_t>(geometry.network.width * geometry.network.height * 3), 7);
  LetterboxScratch scratch;
  const auto result = letterbox(out, picture, geometry, options, scratch);
  EXPECT_TRUE(result) << result.error().message;
  return out;
}

// The exact value at an output pixel of the content, by definition.
double reference(const ImageView& picture, Size content, int x, int y, int channel) {
  const auto at = [&](int px, int py) {
    px = std::clamp(px, 0, picture.size.width - 1);
    py = std::clamp(py, 0, picture.size.height - 1);
    return static_cast<double>(picture.data[py * picture.pitch_bytes + px * 3 + channel]);
  };
  const double sx = (x + 0.5) * picture.size.width / content.width - 0.5;
  const double sy = (y + 0.5) * picture.size.height / content.height - 0.5;
  const int ix = static_cast<int>(std::floor(sx));
  const int iy = static_cast<int>(std::floor(sy));
  const double fx = sx - ix;
  const double fy = sy - iy;
  return (1 - fy) * ((1 - fx) * at(ix, iy) + fx * at(ix + 1, iy)) +
         fy * ((1 - fx) * at(ix, iy + 1) + fx * at(ix + 1, iy + 1));
}

void expect_close_to_reference(const ImageView& picture, const Letterbox& geometry,
                               const LetterboxOptions& options) {
  const std::vector<std::uint8_t> out = run(picture, geometry, options);
  const bool swap = picture.format != options.output_format;
  double worst = 0;
  std::size_t wrong_padding = 0;
  std::size_t i = 0;
  for (int y = 0; y < geometry.network.height; ++y) {
    for (int x = 0; x < geometry.network.width; ++x) {
      for (int channel = 0; channel < 3; ++channel, ++i) {
        const int cx = x - geometry.left;
        const int cy = y - geometry.top;
        if (cx < 0 || cy < 0 || cx >= geometry.content.width || cy >= geometry.content.height) {
          wrong_padding += out[i] != options.pad_value;
          continue;
        }
        const double exact =
            reference(picture, geometry.content, cx, cy, swap ? 2 - channel : channel);
        worst = std::max(worst, std::abs(out[i] - exact));
      }
    }
  }
  EXPECT_EQ(wrong_padding, 0U);
  EXPECT_LE(worst, 1.0) << picture.size.width << "x" << picture.size.height << " to "
                         << geometry.content.width << "x" << geometry.content.height << " by "
                         << to_string(options.instructions);
}

std::vector<Size> picture_sizes() {
  std::vector<Size> sizes{{1, 1},   {2, 1},    {1, 2},    {2, 2},     {3, 3},    {5, 7},
                          {42, 9},  {43, 9},   {64, 64},  {128, 128}, {129, 65}, {2000, 3},
                          {3, 900}, {5000, 2}, {192, 108}, {77, 200}, {256, 144}, {63, 64}};
  std::mt19937 random(20260102);
  for (int i = 0; i < 40; ++i) {
    sizes.push_back({static_cast<int>(1 + random() % 300), static_cast<int>(1 + random() % 300)});
  }
  return sizes;
}

TEST(LetterboxTest, PixelsAreWithinOneLevelOfExactInterpolation) {
  std::uint32_t seed = 1;
  for (const Size size : picture_sizes()) {
    for (const Size network : {Size{64, 64}, Size{96, 32}, Size{160, 128}}) {
      const Picture picture = noise(size, ++seed);
      for (const auto placement :
           {Placement::kCentred, Placement::kTopLeft, Placement::kStretched}) {
        const Letterbox geometry = Letterbox::fit(size, network, placement);
        for (const auto set : instruction_sets()) {
          expect_close_to_reference(picture.view, geometry, {.instructions = set});
        }
      }
    }
  }
}

TEST(LetterboxTest, EveryInstructionSetGivesTheSameBytes) {
  std::mt19937 random(20260103);
  for (int i = 0; i < 300; ++i) {
    const int limit = i % 10 == 0 ? 3000 : 250;
    const Size size{static_cast<int>(1 + random() % static_cast<unsigned>(limit)),
                    static_cast<int>(1 + random() % 200)};
    const Size network{static_cast<int>(1 + random() % 200), static_cast<int>(1 + random() % 200)};
    const Picture picture = noise(size, static_cast<std::uint32_t>(i), i % 5);
    const auto placement = i % 3 == 0 ? Placement::kStretched : Placement::kCentred;
    const Letterbox geometry = Letterbox::fit(size, network, placement);
    LetterboxOptions options{.instructions = InstructionSet::kScalar};
    options.output_format = i % 2 == 0 ? PixelFormat::kRgb8 : PixelFormat::kBgr8;
    const std::vector<std::uint8_t> expected = run(picture.view, geometry, options);
    for (const auto set : instruction_sets()) {
      options.instructions = set;
      EXPECT_EQ(run(picture.view, geometry, options), expected)
          << size.width << "x" << size.height << " to " << network.width << "x" << network.height
          << " by " << to_string(set);
    }
  }
}

TEST(LetterboxTest, ChannelsAreSwappedExactlyWhenTheFormatsDiffer) {
  for (const Size size : {Size{64, 48}, Size{100, 75}, Size{1, 1}}) {  // copy, resample, one pixel
    Picture picture = noise(size, 5);
    const Letterbox geometry = Letterbox::fit(size, {64, 64}, Placement::kCentred);
    const auto straight = run(picture.view, geometry, {.output_format = PixelFormat::kRgb8});
    auto swapped = run(picture.view, geometry, {.output_format = PixelFormat::kBgr8});
    picture.view.format = PixelFormat::kBgr8;
    EXPECT_EQ(run(picture.view, geometry, {.output_format = PixelFormat::kBgr8}), straight);
    EXPECT_EQ(run(picture.view, geometry, {.output_format = PixelFormat::kRgb8}), swapped);
    for (std::size_t i = 0; i < swapped.size(); i += 3) std::swap(swapped[i], swapped[i + 2]);
    EXPECT_EQ(swapped, straight);
  }
}

TEST(LetterboxTest, PictureOfTheContentsSizeIsCopiedUnchanged) {
  for (const auto format : {PixelFormat::kRgb8, PixelFormat::kBgr8}) {
    Picture picture = noise({64, 40}, 11, 13);
    picture.view.format = format;
    const Letterbox geometry = Letterbox::fit({64, 40}, {64, 64}, Placement::kCentred);
    for (const auto set : instruction_sets()) {
      const auto out = run(picture.view, geometry, {.instructions = set});
      for (int y = 0; y < 40; ++y) {
        for (int i = 0; i < 64 * 3; ++i) {
          const int channel = i % 3;
          const int source = format == PixelFormat::kRgb8 ? i : i - channel + 2 - channel;
          ASSERT_EQ(out[static_cast<std::size_t>((y + geometry.top) * 64 * 3 + i)],
                    picture.view.data[y * picture.view.pitch_bytes + source]);
        }
      }
    }
  }
}

TEST(LetterboxTest, HalvingAveragesFourPixelsRoundingHalfUp) {
  const Picture picture = noise({128, 128}, 17);
  const Letterbox geometry = Letterbox::fit({128, 128}, {64, 64}, Placement::kCentred);
  for (const auto set : instruction_sets()) {
    const auto out = run(picture.view, geometry, {.instructions = set});
    const std::uint8_t* in = picture.view.data;
    for (int y = 0; y < 64; ++y) {
      for (int i = 0; i < 64 * 3; ++i) {
        const int a = 2 * y * 128 * 3 + i / 3 * 6 + i % 3;
        const int sum = in[a] + in[a + 3] + in[a + 384] + in[a + 387];
        ASSERT_EQ(out[static_cast<std::size_t>(y * 64 * 3 + i)], (sum + 2) / 4);
      }
    }
  }
}

TEST(LetterboxTest, ScaledDecodeIsMappedWholeToTheSameContent) {
  // The source has 810x1080 pixels, but the decoder delivered it at half the size.
  const Letterbox geometry = Letterbox::fit({810, 1080}, {160, 160}, Placement::kCentred);
  const Picture half = noise({405, 540}, 23);
  for (const auto set : instruction_sets()) {
    expect_close_to_reference(half.view, geometry, {.instructions = set});
  }
}

TEST(LetterboxTest, BytesBetweenRowsNeverReachTheResult) {
  const Size size{101, 57};
  Picture clean = noise(size, 31, 7);
  Picture dirty = noise(size, 31, 7);
  for (int y = 0; y + 1 < size.height; ++y) {
    for (int i = 0; i < 7; ++i) dirty.bytes[static_cast<std::size_t>(y * 310 + 303 + i)] ^= 0xFF;
  }
  const Letterbox geometry = Letterbox::fit(size, {64, 64}, Placement::kCentred);
  for (const auto set : instruction_sets()) {
    EXPECT_EQ(run(clean.view, geometry, {.instructions = set}),
              run(dirty.view, geometry, {.instructions = set}));
  }
}

TEST(LetterboxTest, OneScratchServesPicturesOfAnySizeWithTheSameResults) {
  LetterboxScratch scratch;
  std::vector<std::uint8_t> out(64 * 64 * 3);
  for (const Size size : picture_sizes()) {
    const Picture picture = noise(size, 41);
    const Letterbox geometry = Letterbox::fit(size, {64, 64}, Placement::kCentred);
    ASSERT_TRUE(letterbox(out, picture.view, geometry, {}, scratch));
    EXPECT_EQ(out, run(picture.view, geometry, {}));
  }
}

TEST(LetterboxTest, AllocatesNothingAfterTheFirstPicture) {
  LetterboxScratch scratch;
  std::vector<std::uint8_t> out(64 * 64 * 3);
  const Picture first = noise({3, 2}, 1);
  const Picture wide = noise({3000, 20}, 2);
  const auto once = [&](const Picture& picture) {
    const Letterbox geometry =
        Letterbox::fit(picture.view.size, {64, 64}, Placement::kCentred);
    ASSERT_TRUE(letterbox(out, picture.view, geometry, {}, scratch));
  };
  const std::size_t start = counted_allocations();
  once(first);
  const std::size_t before = counted_allocations();
  EXPECT_GT(before, start);  // the scratch grew, and the counter saw it
  once(wide);
  once(first);
  EXPECT_EQ(counted_allocations(), before);
}

TEST(LetterboxTest, ImpossibleArgumentsAreNamedInTheError) {
  const Picture picture = noise({8, 8}, 1);
  const Letterbox geometry = Letterbox::fit({8, 8}, {16, 16}, Placement::kCentred);
  std::vector<std::uint8_t> out(16 * 16 * 3);
  LetterboxScratch scratch;
  const auto message = [&](const ImageView& view, const Letterbox& box, std::size_t bytes) {
    const auto result = letterbox(std::span(out).first(bytes), view, box, {}, scratch);
    EXPECT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    return result.error().message;
  };
  ImageView view = picture.view;
  EXPECT_NE(message(view, geometry, 767).find("767"), std::string::npos);
  view.pitch_bytes = 23;
  EXPECT_NE(message(view, geometry, 768).find("23"), std::string::npos);
  view.size = {0, 8};
  EXPECT_NE(message(view, geometry, 768).find("0x8"), std::string::npos);
  EXPECT_FALSE(message({}, geometry, 768).empty());
  Letterbox outside = geometry;
  outside.left = 1;
  EXPECT_NE(message(picture.view, outside, 768).find("at 1, 0"), std::string::npos);
}

}  // namespace
}  // namespace shoal
