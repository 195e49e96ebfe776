// Triton's metrics: docs/user_guide/metrics.md of its server. The one file that calls
// prometheus-cpp, which throws.
#include "telemetry/metric_families.h"

#include <prometheus/text_serializer.h>

#include <array>
#include <exception>
#include <limits>
#include <sstream>
#include <utility>

#include "core/log.h"
#include "telemetry/family_list.h"

namespace shoal {
namespace {

using prometheus::ClientMetric;

constexpr std::array<ErrorCode, kErrorCodes> kCodes{
    ErrorCode::kInvalidArgument, ErrorCode::kNotFound,    ErrorCode::kUnsupported,
    ErrorCode::kCorruptInput,    ErrorCode::kOutOfMemory, ErrorCode::kQueueFull,
    ErrorCode::kDeadlineExceeded, ErrorCode::kCancelled,  ErrorCode::kUnavailable,
    ErrorCode::kDeviceLost,      ErrorCode::kInternal};
// Why accepted or refused work is given up before it runs.
constexpr std::array<ErrorCode, 4> kDropCodes{ErrorCode::kQueueFull, ErrorCode::kDeadlineExceeded,
                                              ErrorCode::kCancelled, ErrorCode::kUnavailable};
constexpr std::array<double, 5> kQuantiles{0.5, 0.9, 0.95, 0.99, 0.999};
constexpr std::array<std::size_t, 9> kBatchEdges{1, 2, 4, 8, 16, 32, 64, 128, 256};

std::uint64_t read(const Count& count) { return count.load(std::memory_order_relaxed); }

std::size_t index_of(ErrorCode code) { return static_cast<std::size_t>(code); }

// Triton knows four kinds of failure.
std::string_view triton_reason(ErrorCode code) {
  switch (code) {
    case ErrorCode::kQueueFull:
    case ErrorCode::kDeadlineExceeded: return "REJECTED";
    case ErrorCode::kCancelled: return "CANCELED";
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeviceLost:
    case ErrorCode::kInternal: return "BACKEND";
    default: return "OTHER";
  }
}

MetricLabels triton_labels(const std::string& model) {
  return {{"model", model}, {"version", "1"}};
}

MetricLabels with(MetricLabels labels, std::string_view name, std::string_view value) {
  labels.push_back({std::string(name), std::string(value)});
  return labels;
}

void add_triton_counts(FamilyList& out, const std::string& model, const ModelCounters& counters) {
  const MetricLabels labels = triton_labels(model);
  out.counter("nv_inference_request_success",
              "Number of successful inference requests, all batch sizes", labels,
              read(counters.success));
  for (const std::string_view reason : {"REJECTED", "CANCELED", "BACKEND", "OTHER"}) {
    std::uint64_t sum = 0;
    for (const ErrorCode code : kCodes) {
      if (triton_reason(code) != reason) continue;
      sum += read(counters.errors[index_of(code)]) + read(counters.refusals[index_of(code)]);
    }
    out.counter("nv_inference_request_failure",
                "Number of failed inference requests, all batch sizes",
                with(labels, "reason", reason), sum);
  }
  std::uint64_t pictures = 0;
  std::uint64_t batches = 0;
  for (std::size_t reason = 0; reason < counters.pictures.size(); ++reason) {
    batches += counters.batches(reason);
    for (const Count& of_size : counters.pictures[reason]) pictures += read(of_size);
  }
  out.counter("nv_inference_count", "Number of inferences performed", labels, pictures);
  out.counter("nv_inference_exec_count", "Number of model executions performed", labels, batches);
  const std::int64_t load_ns = counters.load_ns.load(std::memory_order_relaxed);
  if (load_ns >= 0) {
    out.gauge("nv_model_load_duration_secs", "Model load time in seconds", labels,
              static_cast<double>(load_ns) * 1e-9);
  }
}

void add_triton_durations(FamilyList& out, const std::string& model,
                          const ModelCounters& counters) {
  struct Names {
    std::string_view counter, summary, what;
  };
  constexpr std::array<Names, kSpans> kNames{{
      {"nv_inference_request_duration_us", "nv_inference_request_summary_us",
       "inference request duration in microseconds"},
      {"nv_inference_queue_duration_us", "nv_inference_queue_summary_us",
       "inference queuing duration in microseconds"},
      {"nv_inference_compute_input_duration_us", "nv_inference_compute_input_summary_us",
       "compute input duration in microseconds: decoding and letterbox"},
      {"nv_inference_compute_infer_duration_us", "nv_inference_compute_infer_summary_us",
       "compute inference duration in microseconds"},
      {"nv_inference_compute_output_duration_us", "nv_inference_compute_output_summary_us",
       "compute output duration in microseconds: boxes and NMS"},
  }};
  for (std::size_t span = 0; span < kSpans; ++span) {
    const double total_us = static_cast<double>(read(counters.spans[span])) / 1000;
    out.counter(kNames[span].counter, "Cumulative " + std::string(kNames[span].what),
                triton_labels(model), total_us);
    std::array<double, kQuantiles.size()> values{};
    counters.windows[span].quantiles(values, kQuantiles);
    ClientMetric::Summary summary;
    summary.sample_count = read(counters.success);
    summary.sample_sum = total_us;
    for (std::size_t i = 0; i < kQuantiles.size(); ++i) {
      summary.quantile.push_back({kQuantiles[i], values[i]});
    }
    out.summary(kNames[span].summary,
                "Summary of " + std::string(kNames[span].what) + ", over the last minute",
                triton_labels(model), std::move(summary));
  }
}

ClientMetric::Histogram stage_histogram(const ModelCounters::StageCounts& counts) {
  ClientMetric::Histogram histogram;
  for (std::size_t i = 0; i < counts.buckets.size(); ++i) {
    histogram.sample_count += read(counts.buckets[i]);
    histogram.bucket.push_back({histogram.sample_count,
                                i < kStageEdges.size() ? kStageEdges[i]
                                                       : std::numeric_limits<double>::infinity()});
  }
  histogram.sample_sum = static_cast<double>(read(counts.nanoseconds)) * 1e-9;
  return histogram;
}

ClientMetric::Histogram batch_size_histogram(const ModelCounters& counters) {
  ClientMetric::Histogram histogram;
  std::size_t size = 1;
  const auto take_up_to = [&](std::size_t edge) {
    for (; size <= edge; ++size) {
      const std::uint64_t batches = counters.batches_of(size);
      histogram.sample_count += batches;
      histogram.sample_sum += static_cast<double>(batches * size);
    }
  };
  for (const std::size_t edge : kBatchEdges) {
    take_up_to(edge);
    histogram.bucket.push_back({histogram.sample_count, static_cast<double>(edge)});
  }
  take_up_to(kBatchSizeMax);
  histogram.bucket.push_back({histogram.sample_count, std::numeric_limits<double>::infinity()});
  return histogram;
}

void add_own_requests(FamilyList& out, const std::string& model, const ModelCounters& counters) {
  const MetricLabels labels{{"model", model}};
  for (std::size_t door = 0; door < counters.doors.size(); ++door) {
    out.counter("shoal_requests_total", "Pictures or tensors answered, with a result or an error.",
                with(labels, "door", door < kDoorNames.size() ? kDoorNames[door] : kOtherName),
                read(counters.doors[door]));
  }
  for (const ErrorCode code : kCodes) {
    out.counter("shoal_request_errors_total", "Pictures or tensors answered with an error.",
                with(labels, "code", to_string(code)), read(counters.errors[index_of(code)]));
  }
  for (const ErrorCode code : kDropCodes) {
    out.counter("shoal_dropped_requests_total",
                "Accepted work that was given up before it reached a lane.",
                with(labels, "reason", to_string(code)), read(counters.dropped[index_of(code)]));
  }
  for (const ErrorCode code : kCodes) {
    out.counter("shoal_admission_refusals_total",
                "Pictures or tensors of calls that were refused at the door.",
                with(labels, "reason", to_string(code)), read(counters.refusals[index_of(code)]));
  }
  out.counter("shoal_late_answers_total", "Work that ran, but was not ready at its deadline.",
              labels, read(counters.late));
  out.counter("shoal_detections_total", "Boxes answered.", labels, read(counters.detections));
  out.counter("shoal_truncated_answers_total", "Answers from which a limit cut boxes.", labels,
              read(counters.truncated));
  out.counter("shoal_chunked_requests_total",
              "Requests whose batch was split for want of memory.", labels,
              read(counters.chunked));
  out.counter("shoal_allocation_retried_requests_total",
              "Requests whose batch met a failed allocation.", labels, read(counters.retried));
}

void add_own_batches(FamilyList& out, const std::string& model, const ModelCounters& counters) {
  const MetricLabels labels{{"model", model}};
  for (std::size_t stage = 0; stage < kStageNames.size(); ++stage) {
    out.histogram("shoal_stage_seconds",
                  "Time of a request in a stage; a batch's stages count whole for each of it.",
                  with(labels, "stage", kStageNames[stage]),
                  stage_histogram(counters.stages[stage]));
  }
  for (std::size_t reason = 0; reason < counters.pictures.size(); ++reason) {
    out.counter("shoal_batches_total", "Batches that ran, by why they were closed.",
                with(labels, "reason",
                     reason < kCloseReasonNames.size() ? kCloseReasonNames[reason] : kOtherName),
                counters.batches(reason));
  }
  out.histogram("shoal_batch_size", "Pictures or tensors of a batch.", labels,
                batch_size_histogram(counters));
  out.counter("shoal_input_pixels_total", "Pixels of the network's input that were computed.",
              labels, read(counters.input_pixels));
  out.counter("shoal_padding_pixels_total", "Pixels of these that were only padding.", labels,
              read(counters.padding_pixels));
}

void add_model_gauges(FamilyList& out, const ModelGauges& gauges) {
  const MetricLabels labels{{"model", gauges.model}};
  out.gauge("nv_inference_pending_request_count",
            "Instantaneous number of pending requests awaiting execution",
            triton_labels(gauges.model), gauges.waiting);
  out.gauge("shoal_queue_depth", "Requests that wait for a lane.", labels, gauges.waiting);
  out.gauge("shoal_in_flight_requests", "Requests that wait or run.", labels, gauges.in_flight);
  out.gauge("shoal_batch_size_max", "Most pictures of a batch.", labels, gauges.batch_max);
  out.gauge("shoal_lanes", "Lanes of the model.", labels, gauges.lanes);
  if (gauges.idle_lanes >= 0) {
    out.gauge("shoal_idle_lanes", "Lanes that have nothing to do.", labels, gauges.idle_lanes);
  }
}

void add_pool_gauges(FamilyList& out, const PoolGauges& gauges) {
  const PoolGauge& pool = gauges.gauge;
  const MetricLabels labels{{"model", gauges.model}, {"pool", std::string(pool.name)}};
  out.gauge("shoal_pool_size_bytes", "What the pool has from the system.", labels,
            pool.size_bytes);
  out.gauge("shoal_pool_used_bytes", "What of it is at work.", labels, pool.used_bytes);
  out.gauge("shoal_pool_high_water_bytes", "The most the pool ever had from the system.", labels,
            pool.high_water_bytes);
  out.gauge("shoal_pool_fragmentation_ratio",
            "Share of the pool that its last uses did not need.", labels, pool.fragmentation);
}

void add_process(FamilyList& out, const ProcessSample& process) {
  out.gauge("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", {},
            process.machine_utilization);
  out.gauge("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", {},
            process.machine_memory_bytes);
  out.gauge("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", {},
            process.machine_memory_used_bytes);
  out.gauge("shoal_device_utilization_ratio", "Busy share of what this process may compute on.",
            {{"device", "cpu"}}, process.device_utilization);
  out.gauge("shoal_memory_limit_bytes",
            "What this process may have: configured, the container's limit or all.", {},
            process.memory_limit_bytes);
  out.gauge("shoal_memory_peak_bytes", "The most resident memory so far.", {},
            process.memory_peak_bytes);
  out.counter("process_cpu_seconds_total", "CPU time of the process.", {}, process.cpu_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory of the process.", {},
            process.memory_bytes);
  out.gauge("process_start_time_seconds", "When the process began, Unix time.", {},
            process.started_unix_s);
  out.gauge("process_open_fds", "Open file descriptors.", {},
            static_cast<std::int64_t>(process.open_files));
}

void add_evidence(FamilyList& out, const EvidenceCounts& counts) {
  out.counter("shoal_request_log_lines_total", "Lines of the request log that were written.", {},
              counts.log_lines);
  constexpr auto kHelp = "Lines of the request log that were not written.";
  out.counter("shoal_request_log_dropped_total", kHelp, {{"reason", "ring_full"}},
              counts.log_ring_full);
  out.counter("shoal_request_log_dropped_total", kHelp, {{"reason", "file"}},
              counts.log_file_lost);
  out.counter("shoal_request_log_rotations_total", "Files that the request log has begun.", {},
              counts.log_rotations);
  out.counter("shoal_trace_missed_requests_total", "Requests that a running trace does not have.",
              {}, counts.trace_missed);
}

std::string build_text(const MetricsView& view) {
  FamilyList out;
  for (int model = 0; model < view.models.count(); ++model) {
    const std::string& name = view.models.name(model);
    const ModelCounters& counters = view.metrics.of(model);
    add_triton_counts(out, name, counters);
    add_triton_durations(out, name, counters);
    add_own_requests(out, name, counters);
    add_own_batches(out, name, counters);
  }
  for (const ModelGauges& gauges : view.gauges.models) add_model_gauges(out, gauges);
  for (const PoolGauges& gauges : view.gauges.pools) add_pool_gauges(out, gauges);
  add_pool_gauges(out, {.model = {}, .gauge = view.process.heap});
  for (const NamedValue& value : view.gauges.values) {
    MetricLabels labels;
    for (const auto& [name, text] : value.labels) labels.push_back({name, text});
    value.counter ? out.counter(value.name, value.help, std::move(labels), value.value)
                  : out.gauge(value.name, value.help, std::move(labels), value.value);
  }
  add_process(out, view.process);
  add_evidence(out, view.evidence);
  out.gauge("shoal_build_info", "1; the labels say what this is.",
            {{"version", std::string(view.version)}}, 1.0);
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, out.families());
  return text.str();
}

}  // namespace

std::string metrics_text(const MetricsView& view) {
  try {
    return build_text(view);
  } catch (const std::exception& error) {
    log(LogLevel::kError, "metrics", "not exported: {}", error.what());
    return {};
  }
}

}  // namespace shoal
