// For this folder's tests: outcomes to write, a folder of its own for each test, and Python as an
// independent reader of what was written.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "core/outcome.h"

namespace shoal {

inline Detection detection(int class_id, float confidence, Box<SourceSpace> box) {
  return {.box = box, .confidence = confidence, .class_id = class_id, .track_id = {}};
}

inline Outcome answered(std::string source, Size size, std::vector<Detection> detections = {}) {
  Outcome outcome;
  outcome.source = std::move(source);
  outcome.size = size;
  outcome.detections.items = std::move(detections);
  outcome.batch_size = 1;
  return outcome;
}

inline Outcome failed(std::string source, ErrorCode code, std::string message) {
  Outcome outcome;
  outcome.source = std::move(source);
  outcome.error = Error{code, std::move(message)};
  return outcome;
}

inline void make_frame_of_video(Outcome& outcome, int frame, double frames_per_second) {
  outcome.frame = FrameId{static_cast<std::uint64_t>(frame)};
  outcome.media_time = std::chrono::nanoseconds(
      static_cast<std::int64_t>(1e9 * frame / frames_per_second));
}

// Pixels of one colour, in rows with some bytes behind them.
inline void paint(Outcome& outcome, std::uint8_t red, std::uint8_t green, std::uint8_t blue,
                  PixelFormat format = PixelFormat::kRgb8) {
  Frame& frame = outcome.pixels;
  frame.size = outcome.size;
  frame.source_size = outcome.size;
  frame.format = format;
  frame.pitch_bytes = outcome.size.width * 3 + 5;
  const auto rows = static_cast<std::size_t>(outcome.size.height);
  std::uint8_t* data = frame.pixels.reserve(static_cast<std::size_t>(frame.pitch_bytes) * rows);
  if (format == PixelFormat::kBgr8) std::swap(red, blue);
  for (int y = 0; y < outcome.size.height; ++y) {
    std::uint8_t* pixel = data + y * frame.pitch_bytes;
    for (int x = 0; x < outcome.size.width; ++x) {
      *pixel++ = red;
      *pixel++ = green;
      *pixel++ = blue;
    }
  }
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(file), {}};
}

// An empty folder for the running test, removed behind it.
class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              (std::string("shoal_") + test->test_suite_name() + "_" + test->name() + "_" +
               std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string at(const std::string& name) const { return (folder_ / name).string(); }

  // Names of the files below the folder, sorted, separated by blanks.
  [[nodiscard]] std::string files(const std::string& below = ".") const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / below)) {
      if (!entry.is_directory()) {
        names.push_back(std::filesystem::relative(entry.path(), folder_ / below).string());
      }
    }
    std::sort(names.begin(), names.end());
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : " ") + name;
    return all;
  }

  // What the script prints; the script's folder is current. The test fails if Python does.
  [[nodiscard]] std::string python(const std::string& script) const {
    const char* interpreter = std::getenv("PYTHON");
    if (interpreter == nullptr) interpreter = "python3";
    std::ofstream(folder_ / "check.py") << script;
    const std::string command = "cd '" + folder_.string() + "' && '" + interpreter + "' check.py";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string printed;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
      printed.push_back(static_cast<char>(c));
    }
    EXPECT_EQ(::pclose(pipe), 0) << script << printed;
    std::filesystem::remove(folder_ / "check.py");
    return printed;
  }

  std::filesystem::path folder_;
};

}  // namespace shoal
