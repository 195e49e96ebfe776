// The counters as Prometheus reads them: Triton's names (nv_*), so that its dashboards work, and
// our own (shoal_*) for what it does not export. docs/evidence.md lists every one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "telemetry/metrics.h"
#include "telemetry/model_index.h"
#include "telemetry/process_sampler.h"
#include "telemetry/service_gauges.h"

namespace shoal {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// What the evidence says of itself.
struct EvidenceCounts {
  std::uint64_t log_lines = 0;      // written
  std::uint64_t log_ring_full = 0;  // dropped: the writer was behind
  std::uint64_t log_file_lost = 0;  // dropped: the file could not be written
  std::uint64_t log_rotations = 0;
  std::uint64_t trace_missed = 0;   // requests that a running trace does not have
};

struct MetricsView {
  const ModelIndex& models;
  const Metrics& metrics;
  const ServiceGauges& gauges;
  const ProcessSample& process;
  const EvidenceCounts& evidence;
  std::string_view version;
};

// The text exposition format, version 0.0.4.
//
// Errors   "" if prometheus-cpp throws; logged.
// Cost     about 0.2 ms a model, allocates.
[[nodiscard]] std::string metrics_text(const MetricsView& view);

}  // namespace shoal
