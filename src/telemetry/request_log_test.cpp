// Goal: the lines are what docs/evidence.md promises, and no file trouble loses more than it must
// or stops anything. The lines are read back by Boost.JSON.
#include "telemetry/request_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "telemetry/record_for_test.h"

namespace shoal {
namespace {

using boost::json::object;

constexpr TimePoint kNow{};

LoggedRequest logged(const RequestRecord& record) {
  LoggedRequest request;
  request.assign(record);
  return request;
}

object line_of(const RequestRecord& record, const LineContext& context = {}) {
  fmt::memory_buffer out;
  append_request_line(out, logged(record), context);
  EXPECT_EQ(out[out.size() - 1], '\n');
  return boost::json::parse(std::string_view(out.data(), out.size() - 1)).as_object();
}

std::string timestamp(std::int64_t unix_ns) {
  fmt::memory_buffer out;
  append_timestamp(out, unix_ns);
  return {out.data(), out.size()};
}

TEST(RequestLineTest, HasTheFieldsOfTheDesignInTheirOrder) {
  const std::vector<std::string> expected{
      "ts", "request_id", "model", "source", "camera", "input_w", "input_h", "bucket", "priority",
      "batch_id", "batch_size", "batch_max", "close_reason", "chunks", "oom_retries", "queue_ms",
      "decode_ms", "preprocess_ms", "inference_ms", "postprocess_ms", "total_ms", "pad_waste",
      "lane", "device", "device_util", "memory_used_mb", "memory_peak_mb", "memory_limit_mb",
      "fragmentation", "h2d_bytes", "status", "error_code", "detections", "truncated"};
  for (const auto& record : {answered_record(), failed_record(ErrorCode::kQueueFull)}) {
    std::vector<std::string> names;
    for (const auto& field : line_of(record)) names.emplace_back(field.key());
    EXPECT_EQ(names, expected);
  }
}

TEST(RequestLineTest, SaysWhatTheRecordSays) {
  LineContext context;
  context.process.device_utilization = 0.75;
  context.process.memory_bytes = 250'000'000;
  context.process.memory_peak_bytes = 260'500'000;
  context.process.memory_limit_bytes = 4'000'000'000;
  context.fragmentation = 0.125;
  const object line = line_of(answered_record(), context);
  EXPECT_EQ(boost::json::serialize(line),
            R"({"ts":"2025-01-31T09:30:00.123456Z","request_id":"r-1","model":"pcb",)"
            R"("source":"127.0.0.1","camera":null,"input_w":1920,"input_h":1080,)"
            R"("bucket":"640x384","priority":"normal","batch_id":7,"batch_size":4,"batch_max":8,)"
            R"("close_reason":"full","chunks":1,"oom_retries":0,"queue_ms":5E-1,"decode_ms":2E0,)"
            R"("preprocess_ms":3E-1,"inference_ms":2.2E1,"postprocess_ms":2E-1,"total_ms":2.5E1,)"
            R"("pad_waste":6.25E-2,"lane":1,"device":"cpu","device_util":7.5E-1,)"
            R"("memory_used_mb":2.5E2,"memory_peak_mb":2.605E2,"memory_limit_mb":4E3,)"
            R"("fragmentation":1.25E-1,"h2d_bytes":0,"status":"ok","error_code":null,)"
            R"("detections":3,"truncated":false})");
}

TEST(RequestLineTest, AnErrorHasItsCodeAndNullsWhereNothingRan) {
  const object line = line_of(failed_record(ErrorCode::kDeadlineExceeded));
  EXPECT_EQ(line.at("status"), "error");
  EXPECT_EQ(line.at("error_code"), "deadline_exceeded");
  for (const char* name : {"bucket", "batch_id", "close_reason", "lane"}) {
    EXPECT_TRUE(line.at(name).is_null()) << name;
  }
}

TEST(RequestLineTest, TextsOfClientsAreEscapedAndCutBetweenCharacters) {
  RequestRecord record = answered_record();
  record.request_id = "a\"b\n\x01\xff";
  std::string source(383, 'x');
  source += "\u00e4\u00e4";  // the first byte of the first would be the 384th
  record.source = source;
  const object line = line_of(record);
  EXPECT_EQ(line.at("request_id"), "a\"b\n\x01\uFFFD");
  EXPECT_EQ(line.at("source").as_string(), source.substr(0, 383));
}

TEST(RequestLineTest, TimestampsAreUtcInMicroseconds) {
  EXPECT_EQ(timestamp(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(timestamp(951'782'399'999'999'999), "2000-02-28T23:59:59.999999Z");
  EXPECT_EQ(timestamp(951'782'400'000'001'000), "2000-02-29T00:00:00.000001Z");
  EXPECT_EQ(timestamp(-1), "1969-12-31T23:59:59.999999Z");
}

class RequestLogTest : public testing::Test {
 protected:
  // Writes lines numbered from `first`, each on its own.
  static void write(RequestLog& log, int first, int count, TimePoint now = kNow) {
    for (int i = first; i < first + count; ++i) {
      RequestRecord record = answered_record();
      const std::string id = std::to_string(i);
      record.request_id = id;
      log.add(logged(record), {}, now);
      log.flush(now);
    }
  }
  static std::vector<int> ids(const std::string& path) {
    std::vector<int> numbers;
    for (const object& line : read_json_lines(path)) {
      numbers.push_back(std::stoi(std::string(line.at("request_id").as_string())));
    }
    return numbers;
  }
  std::string path() const { return folder_.file("requests.jsonl"); }
  TestFolder folder_;
};

TEST_F(RequestLogTest, WithoutAPathNothingIsCounted) {
  RequestLog log({.path = ""});
  write(log, 0, 3);
  EXPECT_FALSE(log.enabled());
  EXPECT_EQ(log.written() + log.lost(), 0u);
}

TEST_F(RequestLogTest, AppendsToWhatIsThereAndMakesItsFolder) {
  const std::string deep = folder_.file("a/b/requests.jsonl");
  for (int run = 0; run < 2; ++run) {
    RequestLog log({.path = deep});
    write(log, run * 2, 2);
    EXPECT_EQ(log.written(), 2u);
  }
  EXPECT_EQ(ids(deep), (std::vector{0, 1, 2, 3}));
}

TEST_F(RequestLogTest, HalfALineOfACrashIsEndedFirst) {
  std::ofstream(path()) << "{\"ts\":\"20";
  RequestLog log({.path = path()});
  write(log, 1, 1);
  const std::string text = read_text(path());
  EXPECT_TRUE(text.starts_with("{\"ts\":\"20\n{\"ts\":\"2025-")) << text;
}

TEST_F(RequestLogTest, RotatesBySizeAndKeepsSoManyFiles) {
  fmt::memory_buffer one;
  append_request_line(one, logged(answered_record()), {});
  const auto bytes = static_cast<std::int64_t>(one.size());
  RequestLog log({.path = path(), .rotate_bytes = bytes * 3, .files_max = 3});
  write(log, 100, 11);  // ids as long as the others': three lines a file
  EXPECT_EQ(log.rotations(), 3u);
  EXPECT_EQ(ids(path()), (std::vector{109, 110}));
  EXPECT_EQ(ids(path() + ".1"), (std::vector{106, 107, 108}));
  EXPECT_EQ(ids(path() + ".2"), (std::vector{103, 104, 105}));
  EXPECT_FALSE(std::filesystem::exists(path() + ".3"));
  EXPECT_EQ(log.written(), 11u);
}

TEST_F(RequestLogTest, OneFileIsEmptiedWhereNoneIsKept) {
  RequestLog log({.path = path(), .rotate_bytes = 1, .files_max = 1});
  write(log, 0, 3);
  EXPECT_EQ(ids(path()), std::vector{2});
  EXPECT_FALSE(std::filesystem::exists(path() + ".1"));
}

TEST_F(RequestLogTest, ReopenFollowsAFileThatWasMovedAway) {
  RequestLog log({.path = path()});
  write(log, 0, 2);
  std::filesystem::rename(path(), path() + ".moved");
  write(log, 2, 1);  // still to the moved file, as logrotate expects
  log.reopen(kNow);
  write(log, 3, 1);
  EXPECT_EQ(ids(path() + ".moved"), (std::vector{0, 1, 2}));
  EXPECT_EQ(ids(path()), std::vector{3});
}

TEST_F(RequestLogTest, AFullDiskIsCountedAndOverWhenItIsOver) {
  RequestLog log({.path = "/dev/full"});
  testing::internal::CaptureStderr();
  write(log, 0, 5);
  write(log, 5, 5, kNow + std::chrono::seconds(10));  // tries again, fails again
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.written(), 0u);
  EXPECT_EQ(log.lost(), 10u);
  EXPECT_NE(said.find("/dev/full: cannot be written (No space left on device)"), std::string::npos)
      << said;
  EXPECT_EQ(said.find("cannot"), said.rfind("cannot")) << "said once: " << said;
}

TEST_F(RequestLogTest, LinesThatDoNotFitWholeAreNotThereAtAll) {
  // A limit on the file's size makes the kernel write half a line, as a full disk does.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  RequestLog log({.path = path(), .rotate_bytes = 0});
  write(log, 100, 2);
  const auto size = std::filesystem::file_size(path());
  rlimit low = before;
  low.rlim_cur = size + size / 4;
  setrlimit(RLIMIT_FSIZE, &low);
  write(log, 200, 1);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(std::filesystem::file_size(path()), size);
  EXPECT_EQ(log.lost(), 1u);
  write(log, 300, 1);  // too early to try again
  EXPECT_EQ(log.lost(), 2u);
  write(log, 400, 1, kNow + std::chrono::seconds(10));
  EXPECT_EQ(ids(path()), (std::vector{100, 101, 400}));
}

TEST_F(RequestLogTest, APathThatCannotBeOpenedIsTriedAgain) {
  std::filesystem::create_directory(path());  // a folder stands where the file should be
  RequestLog log({.path = path()});
  write(log, 0, 2);
  EXPECT_EQ(log.lost(), 2u);
  std::filesystem::remove(path());
  write(log, 2, 1, kNow + std::chrono::seconds(10));
  EXPECT_EQ(log.written(), 1u);
  EXPECT_EQ(ids(path()), std::vector{2});
}

TEST_F(RequestLogTest, APipeThatNobodyReadsDoesNotBlock) {
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  RequestLog log({.path = path()});
  write(log, 0, 1);
  EXPECT_EQ(log.lost(), 1u);
}

}  // namespace
}  // namespace shoal
