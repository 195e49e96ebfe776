// The evidence of a service: request log, metrics and traces behind one observer. One thread of
// its own writes; who reports a request only copies it into a ring.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "core/request_record.h"
#include "telemetry/metric_families.h"
#include "telemetry/metrics.h"
#include "telemetry/model_index.h"
#include "telemetry/process_sampler.h"
#include "telemetry/record_ring.h"
#include "telemetry/request_log.h"
#include "telemetry/service_gauges.h"
#include "telemetry/trace.h"
#include "telemetry/trace_file.h"
#include "telemetry/trace_settings.h"

namespace shoal {

struct EvidenceOptions {
  // The request log; an empty path: none. A path that cannot be written stops nothing: lines are
  // counted as lost until it can be.
  LogFileOptions log{};
  // Records between lanes and the writer, 0.8 KB each; what comes while it is full is dropped from
  // the log, and counted. Metrics count it all the same.
  std::size_t ring_capacity = 4096;
  Duration write_period = std::chrono::milliseconds(50);  // a line is written at the latest after
  Duration sample_period = std::chrono::seconds(1);  // of memory, CPU and pools
  TraceSettings trace{};                  // Triton's form of a trace file
  // Perfetto's trace runs from the start and keeps so many requests, 0.3 KB each: it then shows
  // what has just happened. 0: it runs once trace().start() is called.
  std::size_t trace_requests = 4096;
  std::int64_t memory_limit_bytes = 0;  // of the process; 0: the container's, else the machine's
  std::string version{};                  // of the program, for shoal_build_info
};

// Threads  all methods may be called from any thread.
class Evidence final : public RequestObserver {
 public:
  explicit Evidence(EvidenceOptions options);
  ~Evidence() override;  // writes what was observed, then fsync

  // Cost     about half a microsecond; no lock, no allocation once the model is known.
  void observe(const RequestRecord& record) noexcept override;

  // A call of `items` was refused at the door, so that observe() will not hear of it.
  void refused(std::string_view model, ErrorCode code, std::uint64_t items) noexcept override;
  // A model is ready: its metrics are there, at zero, before its first request.
  void model_loaded(std::string_view model, Duration load_time) override;
  // Who is asked for gauges. When this returns, the one before is not called any more; pass
  // nullptr before what it refers to goes.
  void set_gauges(GaugeSource source);

  // The body of GET /metrics; its type is kMetricsContentType.
  [[nodiscard]] std::string metrics_text();

  // Perfetto's trace.
  [[nodiscard]] Trace& trace() { return trace_; }
  [[nodiscard]] std::string trace_json() const;
  // Triton's trace file.
  [[nodiscard]] TraceSampler& trace_settings() { return sampler_; }

  // Opens the log's path again: for SIGHUP, after logrotate has moved the file. Returns at once.
  void reopen_log();
  // Returns when everything observed before is in the files, or counted as lost.
  void flush();

  [[nodiscard]] EvidenceCounts counts() const;

 private:
  void write_loop();
  void take_all(TimePoint now);
  void take_sample(TimePoint now);
  [[nodiscard]] ServiceGauges ask_gauges();

  const EvidenceOptions options_;
  Metrics metrics_;
  TraceSampler sampler_;
  ModelIndex models_;  // after what it tells of new models
  Trace trace_;
  RecordRing<LoggedRequest> ring_;
  std::atomic<std::uint64_t> ring_full_{0};

  // The writer's own.
  RequestLog log_;
  TraceFile trace_file_;
  ProcessSampler process_sampler_;
  LineContext context_;
  TimePoint sample_at_{};
  TimePoint window_at_{};

  mutable std::mutex sample_mutex_;
  ProcessSample sample_;  // guarded by sample_mutex_: the last one, for scrapes

  std::mutex gauges_mutex_;
  GaugeSource gauges_;  // guarded by gauges_mutex_

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;     // the writer
  std::condition_variable written_;  // flush()
  bool stopping_ = false;
  bool reopen_ = false;
  std::uint64_t flush_wanted_ = 0;  // as many records have to be written
  std::uint64_t flush_done_ = 0;
  std::thread writer_;
};

}  // namespace shoal
