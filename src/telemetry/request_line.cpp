#include "telemetry/request_line.h"

#include <chrono>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "core/json_text.h"

namespace shoal {
namespace {

constexpr double kMegabyte = 1e6;

// Writes `"name":` and its comma; values follow.
class Fields {
 public:
  explicit Fields(fmt::memory_buffer& out) : out_(out) {}

  void text(std::string_view name, std::string_view value) {
    begin(name);
    append_json_string(out_, value);
  }
  // null where there is none.
  void optional_text(std::string_view name, std::string_view value) {
    value.empty() ? literal(name, "null") : text(name, value);
  }
  void number(std::string_view name, double value, int decimals) {
    begin(name);
    append_json_number(out_, value, decimals);
  }
  void milliseconds(std::string_view name, Duration duration) {
    number(name, to_milliseconds(duration), 3);
  }
  template <typename Integer>
  void count(std::string_view name, Integer value) {
    begin(name);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void literal(std::string_view name, std::string_view value) {
    begin(name);
    append_text(out_, value);
  }

 private:
  void begin(std::string_view name) {
    out_.push_back(first_ ? '{' : ',');
    first_ = false;
    out_.push_back('"');
    append_text(out_, name);
    append_text(out_, "\":");
  }

  fmt::memory_buffer& out_;
  bool first_ = true;
};

void append_batch(Fields& fields, fmt::memory_buffer& out, const LoggedRequest& request) {
  const BatchFacts& batch = request.batch;
  if (batch.bucket.width > 0) {
    fields.literal("bucket", "");
    fmt::format_to(std::back_inserter(out), "\"{}x{}\"", batch.bucket.width, batch.bucket.height);
  } else {
    fields.literal("bucket", "null");
  }
  fields.text("priority", to_string(request.priority));
  batch.id > 0 ? fields.count("batch_id", batch.id) : fields.literal("batch_id", "null");
  fields.count("batch_size", request.batch_size);
  fields.count("batch_max", request.batch_max);
  fields.optional_text("close_reason", batch.close_reason);
  fields.count("chunks", batch.chunks);
  fields.count("oom_retries", batch.retries);
}

}  // namespace

void append_timestamp(fmt::memory_buffer& out, std::int64_t unix_ns) {
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::microseconds> time{
      floor<std::chrono::microseconds>(std::chrono::nanoseconds(unix_ns))};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(),
                 clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

void append_request_line(fmt::memory_buffer& out, const LoggedRequest& request,
                         const LineContext& context) {
  Fields fields(out);
  fields.literal("ts", "\"");
  append_timestamp(out, request.unix_ns);
  out.push_back('"');
  fields.text("request_id", request.request_id.view());
  fields.text("model", request.model.view());
  fields.text("source", request.source.view());
  fields.optional_text("camera", request.camera.view());
  fields.count("input_w", request.input.width);
  fields.count("input_h", request.input.height);
  append_batch(fields, out, request);
  fields.milliseconds("queue_ms", request.times.queue);
  fields.milliseconds("decode_ms", request.times.decode);
  fields.milliseconds("preprocess_ms", request.times.preprocess);
  fields.milliseconds("inference_ms", request.times.inference);
  fields.milliseconds("postprocess_ms", request.times.postprocess);
  fields.milliseconds("total_ms", request.times.total);
  fields.number("pad_waste", request.pad_waste, 4);
  request.batch.lane >= 0 ? fields.count("lane", request.batch.lane)
                          : fields.literal("lane", "null");
  fields.text("device", request.device.view());
  fields.number("device_util", context.process.device_utilization, 3);
  const auto megabytes = [](std::int64_t bytes) { return static_cast<double>(bytes) / kMegabyte; };
  fields.number("memory_used_mb", megabytes(context.process.memory_bytes), 1);
  fields.number("memory_peak_mb", megabytes(context.process.memory_peak_bytes), 1);
  fields.number("memory_limit_mb", megabytes(context.process.memory_limit_bytes), 1);
  fields.number("fragmentation", context.fragmentation, 4);
  fields.count("h2d_bytes", context.h2d_bytes);
  fields.text("status", request.error ? "error" : "ok");
  fields.optional_text("error_code", request.error ? to_string(*request.error) : "");
  fields.count("detections", request.detections);
  fields.literal("truncated", request.truncated ? "true" : "false");
  append_text(out, "}\n");
}

}  // namespace shoal
