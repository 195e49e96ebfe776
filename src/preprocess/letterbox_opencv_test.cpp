// Goal: the same pixels as OpenCV's letterbox (cv2.resize with INTER_LINEAR, cv2.copyMakeBorder),
// byte for byte by every instruction set, geometry included. Method: seeded pictures go to
// letterbox_opencv_reference.py in one file, its results come back in another.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "preprocess/letterbox.h"

namespace shoal {
namespace {

struct Case {
  Size picture;
  Size network;
  Placement placement = Placement::kCentred;
  std::vector<std::uint8_t> pixels;
};

std::vector<Case> cases() {
  const Size square{640, 640};
  std::vector<Case> all;
  const auto add = [&](Size picture, Size network, Placement placement = Placement::kCentred) {
    all.push_back({.picture = picture, .network = network, .placement = placement, .pixels = {}});
  };
  for (const Size size : {Size{1920, 1080}, Size{1280, 720}, Size{810, 1080}, Size{768, 576},
                          Size{640, 480}, Size{640, 640}, Size{500, 375}, Size{427, 640},
                          Size{1, 1}, Size{2, 2}, Size{3000, 10}, Size{10, 3000}, Size{333, 1}}) {
    add(size, square);
    add(size, {384, 640});
    add(size, {416, 416}, Placement::kTopLeft);
    add(size, {320, 320}, Placement::kStretched);
  }
  // Scales met in use, halvings among them, and contents that fill the network.
  add({810, 1080}, {480, 640});
  add({1280, 720}, {640, 360});
  add({768, 576}, {640, 480});
  add({640, 480}, {320, 240});
  add({1920, 1080}, {960, 540});
  add({2, 2}, {1, 1});
  add({128, 64}, {64, 64});
  add({64, 128}, {64, 64});
  add({7, 1}, {32, 5});
  add({3, 5}, {1001, 999});
  std::mt19937 random(20260104);
  for (int i = 0; i < 80; ++i) {  // any sizes, odd ones and large enlargements too
    const auto side = [&](unsigned limit) { return static_cast<int>(1 + random() % limit); };
    add({side(i % 2 == 0 ? 40 : 400), side(i % 4 < 2 ? 40 : 400)}, {side(300), side(300)});
  }
  for (int i = 0; i < 80; ++i) {
    add({static_cast<int>(1 + random() % 700), static_cast<int>(1 + random() % 700)},
        {static_cast<int>(32 * (1 + random() % 12)), static_cast<int>(32 * (1 + random() % 12))},
        static_cast<Placement>(i % 3));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    Case& one = all[i];
    one.pixels.resize(static_cast<std::size_t>(one.picture.width * one.picture.height * 3));
    for (auto& byte : one.pixels) {
      const auto value = static_cast<std::uint32_t>(random());
      byte = static_cast<std::uint8_t>(i % 2 == 0 ? value : (value & 1U) * 255U);
    }
  }
  return all;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void write_cases(const std::filesystem::path& path, const std::vector<Case>& all) {
  std::ofstream file(path, std::ios::binary);
  for (const Case& one : all) {
    const std::int32_t header[5] = {one.picture.width, one.picture.height, one.network.width,
                                    one.network.height,
                                    static_cast<std::int32_t>(one.placement)};
    file.write(reinterpret_cast<const char*>(header), sizeof header);
    file.write(reinterpret_cast<const char*>(one.pixels.data()),
               static_cast<std::streamsize>(one.pixels.size()));
  }
}

TEST(LetterboxOpencvTest, PixelsEqualOpencvs) {
  const std::filesystem::path root =
      environment("SHOAL_SOURCE_DIR").empty() ? "." : environment("SHOAL_SOURCE_DIR");
  const std::string python = environment("PYTHON").empty() ? (root / ".venv/bin/python3").string()
                                                           : environment("PYTHON");
  if (std::system(("'" + python + "' -c 'import cv2' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << python << " cannot import cv2 (opencv-python-headless)";
  }
  const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                       ("shoal_letterbox_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const std::vector<Case> all = cases();
  write_cases(folder / "cases", all);
  const std::string script = (root / "src/preprocess/letterbox_opencv_reference.py").string();
  ASSERT_EQ(std::system(("'" + python + "' '" + script + "' '" + (folder / "cases").string() +
                         "' '" + (folder / "results").string() + "'")
                            .c_str()),
            0);
  std::ifstream results(folder / "results", std::ios::binary);
  LetterboxScratch scratch;
  std::size_t compared = 0;
  for (const Case& one : all) {
    const auto bytes = static_cast<std::size_t>(one.network.width * one.network.height * 3);
    std::vector<std::uint8_t> expected(bytes);
    results.read(reinterpret_cast<char*>(expected.data()), static_cast<std::streamsize>(bytes));
    ASSERT_EQ(results.gcount(), static_cast<std::streamsize>(bytes));
    const ImageView view{.data = one.pixels.data(),
                         .size = one.picture,
                         .pitch_bytes = one.picture.width * 3};
    const Letterbox geometry = Letterbox::fit(one.picture, one.network, one.placement);
    for (const auto set :
         {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
      if (set > best_instruction_set()) continue;
      std::vector<std::uint8_t> got(bytes);
      ASSERT_TRUE(letterbox(got, view, geometry, {.instructions = set}, scratch));
      std::size_t different = 0;
      for (std::size_t i = 0; i < bytes; ++i) different += got[i] != expected[i];
      EXPECT_EQ(different, 0U) << one.picture.width << "x" << one.picture.height << " to "
                               << one.network.width << "x" << one.network.height << " by "
                               << to_string(set);
    }
    ++compared;
  }
  EXPECT_EQ(compared, all.size());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace shoal
