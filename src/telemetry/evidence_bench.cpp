// What evidence costs: a lane for every answered request, the writer for every line.
#include <benchmark/benchmark.h>

#include <string>

#include "telemetry/evidence.h"

namespace shoal {
namespace {

RequestRecord typical_record() {
  using std::chrono::microseconds;
  RequestRecord record;
  record.request_id = "7f3a1c9e-0000-4000-8000-000000000017";
  record.model = "yolo11n";
  record.door = "http";
  record.source = "127.0.0.1";
  record.unix_ns = 1'738'315'800'123'456'789;
  record.answered = Clock::now();
  record.times = {.decode = microseconds(2'000),
                  .queue = microseconds(500),
                  .preprocess = microseconds(300),
                  .inference = microseconds(22'000),
                  .postprocess = microseconds(200),
                  .total = microseconds(25'000)};
  record.arrived = record.answered - record.times.total;
  record.input = {1920, 1080};
  record.batch = {.id = 7, .lane = 1, .close_reason = "full", .bucket = {640, 384}};
  record.batch_size = 4;
  record.batch_max = 8;
  record.device = "cpu";
  record.detections = 3;
  return record;
}

// With a log. Records come faster than any disk writes: most find the ring full in the end, so the
// case of a ring with room is BM_ObserveWithRoom.
void BM_Observe(benchmark::State& state) {
  static Evidence evidence({.log = {.path = "/dev/null"}, .ring_capacity = 1 << 14});
  const RequestRecord record = typical_record();
  for (auto _ : state) evidence.observe(record);
}
BENCHMARK(BM_Observe)->Threads(1)->Threads(2)->Threads(4)->UseRealTime();

// The ring is emptied between two measured stretches: the cost a lane sees at any usual rate.
void BM_ObserveWithRoom(benchmark::State& state) {
  constexpr int kStretch = 1'000;
  Evidence evidence({.log = {.path = "/dev/null"},
                     .write_period = std::chrono::hours(1),
                     .trace_requests = state.range(0) != 0 ? 4096U : 0U});
  const RequestRecord record = typical_record();
  for (auto _ : state) {
    for (int i = 0; i < kStretch; ++i) evidence.observe(record);
    state.PauseTiming();
    evidence.flush();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kStretch);
  if (evidence.counts().log_ring_full > 0) state.SkipWithError("the ring was full");
}
BENCHMARK(BM_ObserveWithRoom)->ArgName("trace")->Arg(0)->Arg(1);

void BM_RequestLine(benchmark::State& state) {
  LoggedRequest request;
  request.assign(typical_record());
  fmt::memory_buffer out;
  for (auto _ : state) {
    out.clear();
    append_request_line(out, request, {});
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_RequestLine);

void BM_Scrape(benchmark::State& state) {
  Evidence evidence({});
  evidence.observe(typical_record());
  for (auto _ : state) benchmark::DoNotOptimize(evidence.metrics_text());
}
BENCHMARK(BM_Scrape);

}  // namespace
}  // namespace shoal
