// Goal: both trace forms are what their readers expect, and show the times of the records. The
// rules of the Trace Event Format that matter are checked here: every event has its fields, begins
// have ends, slices of a lane nest. Triton's form is read as its summary tool does.
#include "telemetry/trace.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "telemetry/record_for_test.h"
#include "telemetry/trace_file.h"
#include "telemetry/trace_settings.h"

namespace shoal {
namespace {

using boost::json::array;
using boost::json::object;
using std::chrono::microseconds;

object parse_trace(const Trace& trace) {
  const std::string text = trace.json([](int model) { return "m" + std::to_string(model); });
  return boost::json::parse(text).as_object();
}

double number(const object& event, const char* name) { return event.at(name).to_number<double>(); }

std::vector<object> events(const object& trace, std::string_view phase,
                           std::string_view category) {
  std::vector<object> found;
  for (const auto& event : trace.at("traceEvents").as_array()) {
    const object& one = event.as_object();
    if (one.at("ph").as_string() == phase && one.at("cat").as_string() == category) {
      found.push_back(one);
    }
  }
  return found;
}

// Ends of slices are sums of numbers with three decimals.
constexpr double kRounding = 0.0025;

void expect_well_formed(const object& trace) {
  std::map<std::tuple<std::string, std::string, std::int64_t>, std::vector<double>> open;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::pair<double, double>>> lanes;
  for (const auto& value : trace.at("traceEvents").as_array()) {
    const object& event = value.as_object();
    const auto phase = std::string(event.at("ph").as_string());
    const auto process = event.at("pid").as_int64();
    EXPECT_FALSE(event.at("name").as_string().empty());
    EXPECT_TRUE(event.at("tid").is_int64());
    if (phase == "M") {
      EXPECT_TRUE(event.at("args").as_object().at("name").is_string());
      continue;
    }
    const double time = number(event, "ts");
    EXPECT_GE(time, 0);
    if (phase == "X") {
      lanes[{process, event.at("tid").as_int64()}].emplace_back(time, number(event, "dur"));
    } else if (phase == "b" || phase == "e") {
      auto& begins = open[{std::string(event.at("cat").as_string()),
                           std::string(event.at("id").as_string()), process}];
      if (phase == "b") {
        begins.push_back(time);
      } else {
        ASSERT_EQ(begins.size(), 1u) << "an end without its begin";
        EXPECT_GE(time, begins.back());
        begins.pop_back();
      }
    } else {
      EXPECT_EQ(phase, "C");
      EXPECT_GE(event.at("args").as_object().at("waiting").as_int64(), 0);
    }
  }
  for (const auto& [key, begins] : open) EXPECT_TRUE(begins.empty());
  for (auto& [lane, slices] : lanes) {
    for (const auto& [from, duration] : slices) {
      EXPECT_GE(duration, 0);
      for (const auto& [other, other_duration] : slices) {
        const bool inside = other >= from - kRounding &&
                            other + other_duration <= from + duration + kRounding;
        const bool around = from >= other - kRounding &&
                            from + duration <= other + other_duration + kRounding;
        const bool apart = other >= from + duration - kRounding ||
                           from >= other + other_duration - kRounding;
        EXPECT_TRUE(inside || around || apart) << "slices overlap on a lane";
      }
    }
  }
}

// Batches of two on two lanes, one after another.
void add_traffic(Trace& trace, int batches) {
  for (int batch = 1; batch <= batches; ++batch) {
    for (int picture = 0; picture < 2; ++picture) {
      RequestRecord record = answered_record();
      record.batch.id = static_cast<std::uint64_t>(batch);
      record.batch.lane = batch % 2;
      record.batch_size = 2;
      record.work = batch % 3 == 0 ? Work::kPixels : Work::kEncoded;
      record.answered += microseconds(26'000 * batch + 3 * picture);
      record.arrived = record.answered - microseconds(40'000);
      trace.add(batch % 3 == 0 ? 1 : 0, record);
    }
  }
  trace.add(0, failed_record(ErrorCode::kQueueFull));
}

TEST(TraceTest, WithoutTrafficItIsAnEmptyTrace) {
  Trace trace;
  add_traffic(trace, 3);  // not running: nothing is kept
  expect_well_formed(parse_trace(trace));
  EXPECT_TRUE(parse_trace(trace).at("traceEvents").as_array().empty());
  trace.start();
  EXPECT_TRUE(parse_trace(trace).at("traceEvents").as_array().empty());
}

TEST(TraceTest, EveryRequestAndBatchIsThereOnceAndNests) {
  Trace trace;
  trace.start(100);
  add_traffic(trace, 9);
  trace.stop();
  add_traffic(trace, 5);  // after the stop: not kept
  const object parsed = parse_trace(trace);
  expect_well_formed(parsed);
  EXPECT_EQ(events(parsed, "b", "request").size(), 19u);
  EXPECT_EQ(events(parsed, "b", "queue").size(), 18u);
  EXPECT_EQ(events(parsed, "b", "batch").size(), 9u);
  EXPECT_EQ(events(parsed, "C", "queue").size(), 36u);
  std::map<std::string, int> names;
  for (const object& slice : events(parsed, "X", "lane")) {
    ++names[std::string(slice.at("name").as_string())];
  }
  EXPECT_EQ(names["inference"], 9);
  EXPECT_EQ(names["decode"], 6) << "only where a lane decodes";
  EXPECT_EQ(names["batch 4"], 1);
}

TEST(TraceTest, SlicesHaveTheTimesOfTheRecord) {
  Trace trace;
  trace.start(10);
  trace.add(0, answered_record());
  const object parsed = parse_trace(trace);
  std::map<std::string, std::pair<double, double>> slices;
  for (const object& slice : events(parsed, "X", "lane")) {
    slices[std::string(slice.at("name").as_string())] = {number(slice, "ts"),
                                                         number(slice, "dur")};
  }
  // It arrived at 0 and was answered 25,100 us later; what is before that is laid out backwards.
  const std::map<std::string, std::pair<double, double>> expected{
      {"batch 7", {600, 24'500}},
      {"decode", {600, 2'000}},
      {"preprocess", {2'600, 300}},
      {"inference", {2'900, 22'000}},
      {"postprocess", {24'900, 200}}};
  EXPECT_EQ(slices, expected);
  const object wait = events(parsed, "b", "queue").at(0);
  EXPECT_EQ(number(wait, "ts"), 100);
  EXPECT_EQ(wait.at("args").as_object().at("request_id"), "r-1");
}

TEST(TraceTest, KeepsTheLastRequestsOfALongRun) {
  Trace trace;
  trace.start(4);
  for (int i = 0; i < 11; ++i) {
    RequestRecord record = answered_record();
    const std::string id = std::to_string(i);
    record.request_id = id;
    trace.add(0, record);
  }
  std::vector<std::string> ids;
  for (const object& begin : events(parse_trace(trace), "b", "request")) {
    ids.emplace_back(begin.at("args").as_object().at("request_id").as_string());
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"7", "8", "9", "10"}));
}

TEST(TraceTest, ThreadsAddWhileOthersReadAndRestart) {
  Trace trace;
  trace.start(64);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    for (int i = 0; i < 20; ++i) {
      expect_well_formed(parse_trace(trace));
      if (i % 5 == 4) trace.start(64);
    }
    done = true;
  });
  std::vector<std::thread> adders;
  for (int thread = 0; thread < 3; ++thread) {
    adders.emplace_back([&] {
      while (!done) trace.add(0, failed_record(ErrorCode::kCancelled));
    });
  }
  reader.join();
  for (auto& adder : adders) adder.join();
}

// --- Triton's form ---

LoggedRequest traced(const RequestRecord& record, std::uint64_t id) {
  LoggedRequest request;
  request.assign(record);
  request.trace_id = id;
  return request;
}

// id -> name -> ns, as a reader of Triton's files puts the objects together.
std::map<std::int64_t, std::map<std::string, std::int64_t>> read_triton(const std::string& path) {
  std::map<std::int64_t, std::map<std::string, std::int64_t>> traces;
  const auto parsed = boost::json::parse(read_text(path));
  for (const auto& value : parsed.as_array()) {
    const object& one = value.as_object();
    auto& times = traces[one.at("id").as_int64()];
    if (one.contains("model_name")) {
      EXPECT_EQ(one.at("model_name"), "pcb");
      EXPECT_EQ(one.at("model_version"), 1);
      EXPECT_EQ(one.at("request_id"), "r-1");
    } else {
      for (const auto& stamp : one.at("timestamps").as_array()) {
        times[std::string(stamp.as_object().at("name").as_string())] =
            stamp.as_object().at("ns").as_int64();
      }
    }
  }
  return traces;
}

TEST(TraceFileTest, TimestampsAreThoseOfTheRecord) {
  const TestFolder folder;
  TraceFile file;
  RequestRecord record = answered_record();
  file.add(traced(record, 1), folder.file("trace.json"), 0);
  record.door = "grpc";
  record.work = Work::kPixels;  // decoded before the queue
  file.add(traced(record, 2), folder.file("trace.json"), 0);
  file.flush();
  auto traces = read_triton(folder.file("trace.json"));
  const std::int64_t end = 1'000'000'000'000;
  const std::map<std::string, std::int64_t> http{
      {"HTTP_RECV_START", end - 25'100'000},     {"REQUEST_START", end - 25'000'000},
      {"QUEUE_START", end - 25'000'000},         {"COMPUTE_START", end - 24'500'000},
      {"COMPUTE_INPUT_END", end - 22'200'000},   {"COMPUTE_OUTPUT_START", end - 200'000},
      {"COMPUTE_END", end},                      {"REQUEST_END", end}};
  EXPECT_EQ(traces[1], http);
  EXPECT_EQ(traces[2]["GRPC_WAITREAD_START"], end - 25'100'000);
  EXPECT_EQ(traces[2]["REQUEST_START"], end - 25'000'000);
  EXPECT_EQ(traces[2]["QUEUE_START"], end - 23'000'000);
  EXPECT_EQ(traces[2]["COMPUTE_START"], end - 22'500'000);
}

TEST(TraceFileTest, WhatNeverRanHasNoComputeTimes) {
  const TestFolder folder;
  TraceFile file;
  RequestRecord record = failed_record(ErrorCode::kCancelled);
  file.add(traced(record, 1), folder.file("trace.json"), 0);
  file.flush();
  auto traces = read_triton(folder.file("trace.json"));
  EXPECT_EQ(traces[1].size(), 3u);
  EXPECT_TRUE(traces[1].contains("REQUEST_START") && traces[1].contains("REQUEST_END"));
}

TEST(TraceFileTest, IsACompleteArrayAfterEveryFlush) {
  const TestFolder folder;
  TraceFile file;
  for (std::uint64_t id = 1; id <= 5; ++id) {
    file.add(traced(answered_record(), id), folder.file("trace.json"), 0);
    file.flush();
    EXPECT_EQ(read_triton(folder.file("trace.json")).size(), id);
  }
}

TEST(TraceFileTest, AFrequencyMakesAFileOfSoManyTraces) {
  const TestFolder folder;
  {
    TraceFile file;
    for (std::uint64_t id = 1; id <= 5; ++id) {
      file.add(traced(answered_record(), id), folder.file("trace.json"), 2);
    }
  }
  EXPECT_EQ(read_triton(folder.file("trace.json.0")).size(), 2u);
  EXPECT_EQ(read_triton(folder.file("trace.json.1")).size(), 2u);
  EXPECT_EQ(read_triton(folder.file("trace.json.2")).size(), 1u);
}

TEST(TraceFileTest, AFullDiskIsSaidOnce) {
  testing::internal::CaptureStderr();
  TraceFile file;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    file.add(traced(answered_record(), id), "/dev/full", 0);
    file.flush();
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("/dev/full"), std::string::npos);
  EXPECT_EQ(said.find("/dev/full"), said.rfind("/dev/full")) << said;
}

// --- settings ---

class TraceSamplerTest : public testing::Test {
 protected:
  TraceSamplerTest() {
    sampler_.add_model(0, "a");
    sampler_.add_model(1, "b");
  }
  int traced(int model, int requests) {
    int count = 0;
    for (int i = 0; i < requests; ++i) count += sampler_.sample(model) != 0 ? 1 : 0;
    return count;
  }
  // The changed setting's value, or "error".
  std::string change(const std::string& model, const std::string& name,
                     const std::vector<std::string>& values) {
    const auto result = sampler_.change(model, {{name, values}});
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
      return "error";
    }
    return result->at(name).at(0);
  }
  TraceSampler sampler_{{.rate = 10, .file = "trace.json"}};
};

TEST_F(TraceSamplerTest, IsOffUntilToldAndTracesOneOfRate) {
  EXPECT_EQ(traced(0, 100), 0);
  EXPECT_EQ(change("", "trace_level", {"TIMESTAMPS"}), "TIMESTAMPS");
  EXPECT_EQ(traced(0, 100), 10);
  EXPECT_EQ(change("", "trace_rate", {"3"}), "3");
  EXPECT_EQ(traced(1, 300), 100);
  EXPECT_EQ(change("", "trace_rate", {}), "10") << "back to the start's";
  EXPECT_EQ(change("", "trace_level", {"OFF"}), "OFF");
  EXPECT_EQ(traced(0, 100), 0);
}

TEST_F(TraceSamplerTest, CountIsHowManyAreLeft) {
  ASSERT_TRUE(sampler_.change("", {{"trace_level", {"TIMESTAMPS"}},
                                   {"trace_rate", {"1"}},
                                   {"trace_count", {"7"}}}));
  EXPECT_EQ(traced(0, 5), 5);
  EXPECT_EQ(sampler_.get("").at("trace_count").at(0), "2");
  EXPECT_EQ(change("", "trace_rate", {"1"}), "1");
  EXPECT_EQ(sampler_.get("").at("trace_count").at(0), "2") << "other changes leave it";
  EXPECT_EQ(traced(1, 100), 2);
  EXPECT_EQ(change("", "trace_count", {"-1"}), "-1");
  EXPECT_EQ(traced(1, 100), 100);
}

TEST_F(TraceSamplerTest, AModelHasItsOwnSettingsUntilTheyAreCleared) {
  ASSERT_TRUE(sampler_.change("b", {{"trace_level", {"TIMESTAMPS"}}, {"trace_rate", {"2"}}}));
  EXPECT_EQ(traced(0, 100), 0);
  EXPECT_EQ(traced(1, 100), 50);
  EXPECT_EQ(sampler_.get("b").at("trace_rate").at(0), "2");
  EXPECT_EQ(sampler_.get("a").at("trace_level").at(0), "OFF");
  EXPECT_EQ(change("b", "trace_rate", {}), "10");
  EXPECT_EQ(change("b", "log_frequency", {}), "0") << "it has none of its own: there is one file";
  EXPECT_EQ(traced(1, 100), 10);
  ASSERT_TRUE(sampler_.change("b", {}));
  EXPECT_EQ(sampler_.get("b"), sampler_.get(""));
  EXPECT_EQ(traced(1, 100), 0);
  // Settings may come before the model does.
  ASSERT_TRUE(sampler_.change("late", {{"trace_level", {"TIMESTAMPS"}}, {"trace_rate", {"1"}}}));
  sampler_.add_model(2, "late");
  EXPECT_EQ(traced(2, 3), 3);
}

TEST_F(TraceSamplerTest, RefusesWhatItCannotDoAndChangesNothing) {
  const auto before = sampler_.get("");
  EXPECT_EQ(change("", "trace_level", {"TENSORS"}), "error");
  EXPECT_EQ(change("", "trace_level", {"OFF", "TIMESTAMPS"}), "error");
  EXPECT_EQ(change("", "trace_rate", {"0"}), "error");
  EXPECT_EQ(change("", "trace_rate", {"-1"}), "error");
  EXPECT_EQ(change("", "trace_rate", {"99999999999999999999"}), "error");
  EXPECT_EQ(change("", "trace_rate", {"1", "2"}), "error");
  EXPECT_EQ(change("", "trace_count", {"many"}), "error");
  EXPECT_EQ(change("", "log_frequency", {"4294967296"}), "error");
  EXPECT_EQ(change("a", "log_frequency", {"5"}), "error");
  EXPECT_EQ(change("", "trace_file", {"/etc/passwd"}), "error");
  EXPECT_EQ(change("", "trace_mode", {"opentelemetry"}), "error");
  EXPECT_EQ(change("", "trace_rat", {"1"}), "error");
  EXPECT_FALSE(sampler_.change("", {{"log_frequency", {"5"}}, {"trace_rate", {"none"}}}));
  EXPECT_EQ(sampler_.get(""), before);
  TraceSampler without_file({});
  EXPECT_FALSE(without_file.change("", {{"trace_level", {"TIMESTAMPS"}}}));
}

}  // namespace
}  // namespace shoal
