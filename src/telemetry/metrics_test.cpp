// Goal: what is exported equals what was observed, counted here by hand.
#include "telemetry/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <sstream>
#include <thread>

#include "telemetry/metric_families.h"
#include "telemetry/record_for_test.h"

namespace shoal {
namespace {

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() : models_([this](int model, const std::string&) { metrics_.add_model(model); }) {}

  void count(const RequestRecord& record) { metrics_.count(models_.resolve(record.model), record); }

  std::string text() const {
    return metrics_text({.models = models_,
                         .metrics = metrics_,
                         .gauges = gauges_,
                         .process = process_,
                         .evidence = evidence_,
                         .version = "1.2.3"});
  }

  // The value of a series as it stands in the text; fails where it is not there exactly once.
  double value(const std::string& series) const {
    std::istringstream lines(text());
    std::string line;
    double found = std::nan("");
    int times = 0;
    while (std::getline(lines, line)) {
      if (!line.starts_with(series + ' ')) continue;
      found = std::stod(line.substr(series.size() + 1));
      ++times;
    }
    EXPECT_EQ(times, 1) << series << " in\n" << text();
    return found;
  }

  Metrics metrics_;
  ModelIndex models_;
  ServiceGauges gauges_;
  ProcessSample process_;
  EvidenceCounts evidence_;
};

constexpr auto kPcb = R"({model="pcb",version="1"})";

TEST_F(MetricsTest, TritonsCountersCountPicturesBatchesAndMicroseconds) {
  for (int i = 0; i < 8; ++i) count(answered_record());  // two batches of four
  RequestRecord alone = answered_record();
  alone.batch_size = 1;
  alone.batch.close_reason = "idle";
  count(alone);
  EXPECT_EQ(value(std::string("nv_inference_request_success") + kPcb), 9);
  EXPECT_EQ(value(std::string("nv_inference_count") + kPcb), 9);
  EXPECT_EQ(value(std::string("nv_inference_exec_count") + kPcb), 3);
  EXPECT_EQ(value(std::string("nv_inference_request_duration_us") + kPcb), 9 * 25'000);
  EXPECT_EQ(value(std::string("nv_inference_queue_duration_us") + kPcb), 9 * 500);
  EXPECT_EQ(value(std::string("nv_inference_compute_input_duration_us") + kPcb), 9 * 2'300);
  EXPECT_EQ(value(std::string("nv_inference_compute_infer_duration_us") + kPcb), 9 * 22'000);
  EXPECT_EQ(value(std::string("nv_inference_compute_output_duration_us") + kPcb), 9 * 200);
  EXPECT_EQ(value(R"(shoal_batches_total{model="pcb",reason="full"})"), 2);
  EXPECT_EQ(value(R"(shoal_batches_total{model="pcb",reason="idle"})"), 1);
  EXPECT_EQ(value(R"(shoal_batches_total{model="pcb",reason="delay"})"), 0);
  EXPECT_EQ(value(R"(shoal_batch_size_bucket{model="pcb",le="1"})"), 1);
  EXPECT_EQ(value(R"(shoal_batch_size_bucket{model="pcb",le="2"})"), 1);
  EXPECT_EQ(value(R"(shoal_batch_size_bucket{model="pcb",le="4"})"), 3);
  EXPECT_EQ(value(R"(shoal_batch_size_bucket{model="pcb",le="+Inf"})"), 3);
  EXPECT_EQ(value(R"(shoal_batch_size_sum{model="pcb"})"), 9);
  EXPECT_EQ(value(R"(shoal_detections_total{model="pcb"})"), 27);
}

TEST_F(MetricsTest, BatchesOfEverySizeAreCountedExactly) {
  std::uint64_t pictures = 0;
  std::uint64_t batches = 0;
  for (int size = 1; size <= 1024; size = size * 3 / 2 + 1) {
    for (int batch = 0; batch < 3; ++batch, ++batches) {
      for (int i = 0; i < size; ++i, ++pictures) {
        RequestRecord record = answered_record();
        record.batch_size = size;
        count(record);
      }
    }
  }
  EXPECT_EQ(value(std::string("nv_inference_count") + kPcb), static_cast<double>(pictures));
  EXPECT_EQ(value(std::string("nv_inference_exec_count") + kPcb), static_cast<double>(batches));
  EXPECT_EQ(value(R"(shoal_batch_size_count{model="pcb"})"), static_cast<double>(batches));
  EXPECT_EQ(value(R"(shoal_batch_size_sum{model="pcb"})"), static_cast<double>(pictures));
}

TEST_F(MetricsTest, FailuresAreCountedByReasonAndHaveNoDurations) {
  count(failed_record(ErrorCode::kQueueFull));
  count(failed_record(ErrorCode::kDeadlineExceeded));
  count(failed_record(ErrorCode::kDeadlineExceeded, 9));  // it ran, too late
  count(failed_record(ErrorCode::kCancelled));
  count(failed_record(ErrorCode::kInternal, 9));
  count(failed_record(ErrorCode::kCorruptInput, 9));
  metrics_.count_refusal(models_.resolve("pcb"), ErrorCode::kQueueFull, 5);
  const auto failures = [&](const std::string& reason) {
    return value(R"(nv_inference_request_failure{model="pcb",version="1",reason=")" + reason +
                 "\"}");
  };
  EXPECT_EQ(failures("REJECTED"), 3 + 5);
  EXPECT_EQ(failures("CANCELED"), 1);
  EXPECT_EQ(failures("BACKEND"), 1);
  EXPECT_EQ(failures("OTHER"), 1);
  const auto dropped = [&](const std::string& reason) {
    return value(R"(shoal_dropped_requests_total{model="pcb",reason=")" + reason + "\"}");
  };
  EXPECT_EQ(dropped("queue_full"), 1);
  EXPECT_EQ(dropped("deadline_exceeded"), 1);
  EXPECT_EQ(dropped("cancelled"), 1);
  EXPECT_EQ(dropped("unavailable"), 0);
  EXPECT_EQ(value(R"(shoal_late_answers_total{model="pcb"})"), 1);
  EXPECT_EQ(value(R"(shoal_request_errors_total{model="pcb",code="deadline_exceeded"})"), 2);
  EXPECT_EQ(value(R"(shoal_admission_refusals_total{model="pcb",reason="queue_full"})"), 5);
  EXPECT_EQ(value(std::string("nv_inference_request_success") + kPcb), 0);
  EXPECT_EQ(value(std::string("nv_inference_request_duration_us") + kPcb), 0);
  EXPECT_EQ(value(R"(shoal_requests_total{model="pcb",door="http"})"), 6);
}

TEST_F(MetricsTest, PaddingIsInPixelsOfTheNetworksInput) {
  for (int i = 0; i < 4; ++i) count(answered_record());
  EXPECT_EQ(value(R"(shoal_input_pixels_total{model="pcb"})"), 4 * 640 * 384);
  EXPECT_EQ(value(R"(shoal_padding_pixels_total{model="pcb"})"), 4 * 640 * 384 * 0.0625);
}

TEST_F(MetricsTest, StageHistogramsHaveEveryRequestOnceAtItsEdge) {
  RequestRecord record = answered_record();
  record.times.inference = std::chrono::milliseconds(35);  // an edge belongs to its bucket
  count(record);
  record.times.inference = std::chrono::milliseconds(35) + std::chrono::nanoseconds(1);
  count(record);
  record.times.inference = std::chrono::seconds(60);
  count(record);
  const auto at = [&](const std::string& edge) {
    return value(R"(shoal_stage_seconds_bucket{model="pcb",stage="inference",le=")" + edge + "\"}");
  };
  EXPECT_EQ(at("0.02"), 0);
  EXPECT_EQ(at("0.035"), 1);
  EXPECT_EQ(at("0.05"), 2);
  EXPECT_EQ(at("10"), 2);
  EXPECT_EQ(at("+Inf"), 3);
  EXPECT_NEAR(value(R"(shoal_stage_seconds_sum{model="pcb",stage="inference"})"), 60.07, 1e-6);
}

TEST_F(MetricsTest, GaugesAndProcessAndEvidenceStandAsGiven) {
  gauges_.models.push_back({.model = "pcb", .waiting = 3, .in_flight = 5, .batch_max = 8,
                            .lanes = 2, .idle_lanes = 1});
  gauges_.pools.push_back({.model = "pcb", .gauge = {.name = "input", .used_bytes = 60,
                                                      .size_bytes = 100, .high_water_bytes = 120,
                                                      .fragmentation = 0.25}});
  gauges_.values.push_back({.name = "shoal_http_connections", .help = "Open connections.",
                            .labels = {{"door", "http"}}, .value = 7});
  gauges_.values.push_back({.name = "nv_inference_count", .help = "A second type of one name.",
                            .labels = {}, .value = 7});
  process_.heap = {.name = "heap", .size_bytes = 40};
  process_.memory_bytes = 250;
  process_.memory_limit_bytes = 1000;
  evidence_.log_ring_full = 11;
  metrics_.set_load_time(models_.resolve("pcb"), std::chrono::milliseconds(1500));
  EXPECT_EQ(value(std::string("nv_inference_pending_request_count") + kPcb), 3);
  EXPECT_EQ(value(R"(shoal_in_flight_requests{model="pcb"})"), 5);
  EXPECT_EQ(value(R"(shoal_pool_fragmentation_ratio{model="pcb",pool="input"})"), 0.25);
  EXPECT_EQ(value(R"(shoal_http_connections{door="http"})"), 7);
  EXPECT_EQ(value(R"(shoal_pool_used_bytes{model="pcb",pool="input"})"), 60);
  EXPECT_EQ(value(R"(shoal_pool_size_bytes{model="pcb",pool="input"})"), 100);
  EXPECT_EQ(value(R"(shoal_pool_high_water_bytes{model="pcb",pool="input"})"), 120);
  EXPECT_EQ(value(R"(shoal_pool_size_bytes{model="",pool="heap"})"), 40);
  EXPECT_EQ(value("process_resident_memory_bytes"), 250);
  EXPECT_EQ(value("shoal_memory_limit_bytes"), 1000);
  EXPECT_EQ(value(R"(shoal_request_log_dropped_total{reason="ring_full"})"), 11);
  EXPECT_EQ(value(R"(shoal_build_info{version="1.2.3"})"), 1);
  EXPECT_EQ(value(std::string("nv_model_load_duration_secs") + kPcb), 1.5);
}

TEST_F(MetricsTest, ModelsBeyondTheMaximumAreCountedTogether) {
  for (int i = 0; i < 300; ++i) {
    RequestRecord record = answered_record();
    const std::string name = "model-" + std::to_string(i);
    record.model = name;
    count(record);
  }
  EXPECT_EQ(models_.count(), ModelIndex::kModelsMax);
  EXPECT_EQ(value(R"(nv_inference_count{model="model-254",version="1"})"), 1);
  EXPECT_EQ(value(R"x(nv_inference_count{model="(others)",version="1"})x"), 45);
}

TEST_F(MetricsTest, ThreadsThatMeetANewModelAgreeOnItsNumber) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this] {
      for (int i = 0; i < 40; ++i) {
        RequestRecord record = answered_record();
        const std::string name = "model-" + std::to_string(i);
        record.model = name;
        record.batch_size = 1;
        count(record);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(models_.count(), 40);
  EXPECT_EQ(value(R"(nv_inference_count{model="model-17",version="1"})"), 4);
}

TEST(DurationWindowTest, QuantilesAreWithinABucketOfTheTruth) {
  DurationWindow window;
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> milliseconds(3, 1);
  std::vector<double> truth_us;
  for (int i = 0; i < 20'000; ++i) {
    const auto ns = static_cast<std::int64_t>(milliseconds(random) * 1e6);
    truth_us.push_back(static_cast<double>(ns) / 1000);
    window.add(std::chrono::nanoseconds(ns));
  }
  std::sort(truth_us.begin(), truth_us.end());
  constexpr std::array<double, 5> kQ{0.5, 0.9, 0.95, 0.99, 0.999};
  std::array<double, 5> got{};
  window.quantiles(got, kQ);
  for (std::size_t i = 0; i < kQ.size(); ++i) {
    const double truth = truth_us[static_cast<std::size_t>(kQ[i] * 20'000) - 1];
    EXPECT_GE(got[i], truth * 0.9999) << kQ[i];
    EXPECT_LE(got[i], truth * 1.033) << kQ[i];
  }
}

TEST(DurationWindowTest, ForgetsWhatIsOlderThanItsParts) {
  DurationWindow window;
  std::array<double, 1> median{};
  constexpr std::array<double, 1> kHalf{0.5};
  window.quantiles(median, kHalf);
  EXPECT_TRUE(std::isnan(median[0]));
  window.add(std::chrono::milliseconds(1));
  for (int i = 0; i < DurationWindow::kParts; ++i) {
    window.advance();
    window.quantiles(median, kHalf);
    EXPECT_NEAR(median[0], 1000, 33) << i;
  }
  window.advance();
  window.quantiles(median, kHalf);
  EXPECT_TRUE(std::isnan(median[0]));
  for (const auto extreme : {Duration(-5), Duration(0), Duration(std::chrono::hours(9))}) {
    window.add(extreme);
  }
  window.quantiles(median, kHalf);
  EXPECT_LT(median[0], 1.1);
}

}  // namespace
}  // namespace shoal
