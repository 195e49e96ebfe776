// Goal: many threads report while files are read, rotated and opened again; nothing is lost that
// is not counted, and reporting neither allocates nor waits.
#include "telemetry/evidence.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include "core/counted_allocations.h"
#include "telemetry/record_for_test.h"

namespace shoal {
namespace {

constexpr auto kNever = std::chrono::hours(1);

class EvidenceTest : public testing::Test {
 protected:
  EvidenceOptions options() const { return {.log = {.path = path()}, .version = "1"}; }
  std::string path(const std::string& name = "requests.jsonl") const { return folder_.file(name); }
  TestFolder folder_;
};

void observe_many(Evidence& evidence, int threads, int each) {
  std::vector<std::thread> workers;
  for (int thread = 0; thread < threads; ++thread) {
    workers.emplace_back([&evidence, thread, each] {
      for (int i = 0; i < each; ++i) {
        RequestRecord record = i % 7 == 0 ? failed_record(ErrorCode::kCancelled)
                                          : answered_record();
        const std::string id = std::to_string(thread) + '-' + std::to_string(i);
        record.request_id = id;
        record.model = thread % 2 == 0 ? "even" : "odd";
        evidence.observe(record);
      }
    });
  }
  for (auto& worker : workers) worker.join();
}

// The number behind a series in the exposition text; fails where it is missing.
double value_of(const std::string& text, const std::string& series) {
  const std::size_t at = text.find('\n' + series + ' ');
  EXPECT_NE(at, std::string::npos) << series;
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

TEST_F(EvidenceTest, EveryRequestIsALineOrACountedDrop) {
  EvidenceOptions options = this->options();
  options.ring_capacity = 64;  // it will be full at times
  options.log.rotate_bytes = 0;
  Evidence evidence(options);
  observe_many(evidence, 4, 3'000);
  evidence.flush();
  const EvidenceCounts counts = evidence.counts();
  EXPECT_EQ(counts.log_lines + counts.log_ring_full, 12'000u);
  EXPECT_EQ(counts.log_file_lost, 0u);
  std::set<std::string> ids;
  for (const auto& line : read_json_lines(path())) {
    ids.emplace(line.at("request_id").as_string());
  }
  EXPECT_EQ(ids.size(), counts.log_lines) << "no line twice, none torn";
  // The metrics miss nothing.
  const std::string text = evidence.metrics_text();
  const double answered =
      value_of(text, R"(nv_inference_request_success{model="even",version="1"})") +
      value_of(text, R"(nv_inference_request_success{model="odd",version="1"})");
  EXPECT_EQ(answered, 12'000 - 4 * 429);
  EXPECT_EQ(value_of(text, R"(shoal_request_log_dropped_total{reason="ring_full"})"),
            static_cast<double>(counts.log_ring_full));
}

TEST_F(EvidenceTest, ReadersAndReopeningDoNotDisturbReporting) {
  EvidenceOptions options = this->options();
  options.log.rotate_bytes = 100'000;
  options.log.files_max = 100;
  options.write_period = std::chrono::milliseconds(1);
  options.sample_period = std::chrono::milliseconds(1);
  options.trace = {.timestamps = true, .rate = 10, .file = path("trace.json")};
  options.ring_capacity = 65'536;
  Evidence evidence(options);
  evidence.set_gauges([](ServiceGauges& gauges) {
    gauges.pools.push_back({.model = "even", .gauge = {.name = "input", .fragmentation = 0.5}});
  });
  evidence.trace().start(100);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      EXPECT_FALSE(evidence.metrics_text().empty());
      EXPECT_FALSE(evidence.trace_json().empty());
      evidence.reopen_log();
      evidence.flush();
      EXPECT_TRUE(evidence.trace_settings().change("", {{"trace_rate", {"10"}}}));
    }
  });
  observe_many(evidence, 3, 3'000);
  done = true;
  reader.join();
  evidence.set_gauges(nullptr);
  evidence.flush();
  EXPECT_EQ(evidence.counts().log_lines, 9'000u);
  EXPECT_GT(evidence.counts().log_rotations, 0u);
  const auto traces = boost::json::parse(read_text(path("trace.json")));
  EXPECT_EQ(traces.as_array().size(), 2 * 900u);
}

TEST_F(EvidenceTest, TheEndWritesWhatWasObserved) {
  {
    EvidenceOptions options = this->options();
    options.write_period = kNever;
    Evidence evidence(options);
    observe_many(evidence, 1, 10);
  }
  EXPECT_EQ(read_json_lines(path()).size(), 10u);
}

TEST_F(EvidenceTest, AFullRingIsWrittenEarly) {
  EvidenceOptions options = this->options();
  options.ring_capacity = 16;
  options.write_period = kNever;
  Evidence evidence(options);
  for (int i = 0; i < 1'000 && evidence.counts().log_lines == 0; ++i) {
    observe_many(evidence, 1, 1);
    std::this_thread::yield();
  }
  EXPECT_GT(evidence.counts().log_lines, 0u);
}

TEST_F(EvidenceTest, AModelIsThereBeforeItsFirstRequest) {
  Evidence evidence(options());
  evidence.model_loaded("pcb", std::chrono::milliseconds(250));
  const std::string text = evidence.metrics_text();
  EXPECT_EQ(value_of(text, R"(nv_inference_request_success{model="pcb",version="1"})"), 0);
  EXPECT_EQ(value_of(text, R"(nv_model_load_duration_secs{model="pcb",version="1"})"), 0.25);
  evidence.refused("pcb", ErrorCode::kQueueFull, 3);
  EXPECT_EQ(value_of(evidence.metrics_text(),
                     R"(shoal_admission_refusals_total{model="pcb",reason="queue_full"})"),
            3);
}

TEST_F(EvidenceTest, LinesCarryWhatTheWriterSampled) {
  EvidenceOptions options = this->options();
  options.memory_limit_bytes = 12'000'000'000;
  options.sample_period = std::chrono::milliseconds(1);
  Evidence evidence(options);
  evidence.set_gauges([](ServiceGauges& gauges) {
    gauges.pools.push_back({.model = "a", .gauge = {.name = "x", .fragmentation = 0.9375}});
    gauges.pools.push_back({.model = "b", .gauge = {.name = "x", .fragmentation = 0.0625}});
  });
  std::vector<boost::json::object> lines;
  for (int i = 0; i < 100 && (lines.empty() || lines.back().at("fragmentation") != 0.9375); ++i) {
    observe_many(evidence, 1, 1);
    evidence.flush();
    lines = read_json_lines(path());
  }
  const auto& line = lines.back();
  EXPECT_EQ(line.at("fragmentation"), 0.9375);
  EXPECT_EQ(line.at("memory_limit_mb"), 12'000.0);
  const double used = line.at("memory_used_mb").as_double();
  EXPECT_GT(used, 1);
  EXPECT_GE(line.at("memory_peak_mb").as_double(), used);
  const double busy = line.at("device_util").as_double();
  EXPECT_TRUE(busy >= 0 && busy <= 1) << busy;
}

TEST_F(EvidenceTest, TheTraceHasTheLastRequestsWithoutBeingAskedFirst) {
  EvidenceOptions options = this->options();
  options.trace_requests = 5;
  Evidence evidence(options);
  observe_many(evidence, 1, 12);
  const auto kept = [&] {
    const auto trace = boost::json::parse(evidence.trace_json()).as_object();
    return trace.at("otherData").as_object().at("requests").as_int64();
  };
  EXPECT_EQ(kept(), 5);
  evidence.trace().start(100);
  EXPECT_EQ(kept(), 0);
  observe_many(evidence, 1, 12);
  EXPECT_EQ(kept(), 12);
}

TEST_F(EvidenceTest, WithoutALogAndATraceNothingGoesThroughTheRing) {
  Evidence evidence({.ring_capacity = 2});
  observe_many(evidence, 2, 100);
  evidence.flush();
  EXPECT_EQ(evidence.counts().log_ring_full, 0u);
  EXPECT_EQ(value_of(evidence.metrics_text(),
                     R"(nv_inference_request_success{model="even",version="1"})"), 85);
}

TEST_F(EvidenceTest, ReportingAndWritingAllocateNothingOnceWarm) {
  EvidenceOptions options = this->options();
  options.sample_period = kNever;
  options.log.rotate_bytes = 0;
  Evidence evidence(options);
  evidence.trace().start(1'000);
  const RequestRecord answered = answered_record();
  const RequestRecord failed = failed_record(ErrorCode::kQueueFull);
  const auto round = [&] {
    for (int i = 0; i < 1'000; ++i) {
      evidence.observe(answered);
      evidence.observe(failed);
    }
    evidence.flush();
  };
  round();
  const std::size_t before = counted_allocations();
  for (int i = 0; i < 5; ++i) round();
  EXPECT_EQ(counted_allocations() - before, 0u);
  EXPECT_GT(evidence.counts().log_lines, 0u);
}

// Burns CPU time for a while.
void keep_busy(Duration duration) {
  const TimePoint until = Clock::now() + duration;
  volatile double value = 1;
  while (Clock::now() < until) value = value * 1.0000001;
}

TEST(ProcessSamplerTest, SeesTheWorkTheMemoryAndTheFilesOfThisProcess) {
  ProcessSampler sampler(0);
  const ProcessSample before = sampler.sample();
  EXPECT_EQ(before.device_utilization, 0) << "nothing to compare with yet";
  const std::ofstream file("/dev/null");
  keep_busy(std::chrono::milliseconds(300));
  const ProcessSample after = sampler.sample();
  EXPECT_GE(after.cpu_seconds, before.cpu_seconds + 0.02);
  EXPECT_GT(after.device_utilization, 0);
  EXPECT_LE(after.device_utilization, 1);
  EXPECT_GE(after.machine_utilization, 0);
  EXPECT_LE(after.machine_utilization, 1);
  EXPECT_EQ(after.open_files, before.open_files + 1);
  EXPECT_GT(after.memory_bytes, 1 << 20);
  EXPECT_GE(after.memory_peak_bytes, after.memory_bytes);
  EXPECT_GT(after.memory_limit_bytes, after.memory_bytes);
  EXPECT_GT(after.machine_memory_bytes, after.machine_memory_used_bytes);
  const double now = std::chrono::duration<double>(
                         std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(after.started_unix_s, now + 1);
  EXPECT_GE(after.started_unix_s, now - 3600);
  EXPECT_EQ(ProcessSampler(123).sample().memory_limit_bytes, 123);
}

}  // namespace
}  // namespace shoal
