// Records and files for the tests of the evidence.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/request_record.h"

namespace shoal {

// A picture answered in a batch of four, with times that add up.
inline RequestRecord answered_record() {
  using std::chrono::microseconds;
  RequestRecord record;
  record.request_id = "r-1";
  record.model = "pcb";
  record.door = "http";
  record.source = "127.0.0.1";
  record.unix_ns = 1'738'315'800'123'456'789;  // 2025-01-31T09:30:00.123456789Z
  record.answered = TimePoint(std::chrono::seconds(1000));
  record.times = {.decode = microseconds(2'000),
                  .queue = microseconds(500),
                  .preprocess = microseconds(300),
                  .inference = microseconds(22'000),
                  .postprocess = microseconds(200),
                  .total = microseconds(25'000)};
  record.arrived = record.answered - record.times.total - microseconds(100);
  record.input = {1920, 1080};
  record.work = Work::kEncoded;
  record.batch = {.id = 7,
                  .lane = 1,
                  .close_reason = "full",
                  .chunks = 1,
                  .retries = 0,
                  .bucket = {640, 384}};
  record.batch_size = 4;
  record.batch_max = 8;
  record.pad_waste = 0.0625;
  record.device = "cpu";
  record.detections = 3;
  return record;
}

inline RequestRecord failed_record(ErrorCode code, std::uint64_t batch = 0) {
  RequestRecord record = answered_record();
  record.error = code;
  record.batch = {.id = batch, .lane = -1, .close_reason = {}, .bucket = {}};
  record.batch_size = 0;
  record.detections = 0;
  return record;
}

// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder()
      : path_(std::filesystem::path(testing::TempDir()) /
              (std::string("shoal-evidence-") + std::to_string(getpid()) + '-' +
               testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<boost::json::object> read_json_lines(const std::string& path) {
  std::vector<boost::json::object> objects;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) objects.push_back(boost::json::parse(line).as_object());
  return objects;
}

}  // namespace shoal
