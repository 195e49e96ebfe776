#include "telemetry/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string_view>

#include "core/json_text.h"
#include "core/log.h"
#include "telemetry/stage_spans.h"

namespace shoal {
namespace {

constexpr std::string_view kEnd = "\n]\n";

bool write_at(int descriptor, std::string_view text, std::int64_t offset) {
  while (!text.empty()) {
    const ssize_t count = pwrite(descriptor, text.data(), text.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
    offset += count;
  }
  return true;
}

void append_time(fmt::memory_buffer& out, std::string_view name, TimePoint time, bool& first) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  fmt::format_to(std::back_inserter(out), "{}{{\"name\":\"{}\",\"ns\":{}}}", first ? "" : ",", name,
                 ns.count());
  first = false;
}

}  // namespace

void append_trace(fmt::memory_buffer& out, const LoggedRequest& request) {
  append_text(out, "{\"id\":");
  fmt::format_to(std::back_inserter(out), "{},\"model_name\":", request.trace_id);
  append_json_string(out, request.model.view());
  append_text(out, ",\"model_version\":1,\"request_id\":");
  append_json_string(out, request.request_id.view());
  fmt::format_to(std::back_inserter(out), "}},\n{{\"id\":{},\"timestamps\":[", request.trace_id);

  const StageSpans spans = stage_spans(request.times, request.work, request.answered);
  const bool ran = request.batch.id != 0;
  const TimePoint begun = ran ? spans.begun : request.answered - request.times.total;
  bool first = true;
  const std::string_view door = request.door.view();
  if (door == "http" || door == "rest") {
    append_time(out, "HTTP_RECV_START", std::min(request.arrived, begun), first);
  } else if (door == "grpc") {
    append_time(out, "GRPC_WAITREAD_START", std::min(request.arrived, begun), first);
  }
  append_time(out, "REQUEST_START", begun, first);
  if (ran) {
    append_time(out, "QUEUE_START", spans.queue, first);
    append_time(out, "COMPUTE_START", spans.launched, first);
    append_time(out, "COMPUTE_INPUT_END", spans.inference, first);
    append_time(out, "COMPUTE_OUTPUT_START", spans.postprocess, first);
    append_time(out, "COMPUTE_END", spans.done, first);
  }
  append_time(out, "REQUEST_END", request.answered, first);
  append_text(out, "]}");
}

TraceFile::~TraceFile() {
  flush();
  if (descriptor_ >= 0) close(descriptor_);
}

void TraceFile::add(const LoggedRequest& request, const std::string& path,
                    std::uint32_t frequency) {
  const bool changed = path != path_ || frequency != frequency_;
  if (descriptor_ < 0 || changed || (frequency_ > 0 && in_file_ >= frequency_)) {
    flush();
    if (changed) next_file_ = 0;
    open_next(path, frequency);
  }
  ++in_file_;
  append_text(taken_, end_ == 0 && taken_.size() == 0 ? "[\n" : ",\n");
  append_trace(taken_, request);
}

void TraceFile::open_next(const std::string& path, std::uint32_t frequency) {
  if (descriptor_ >= 0) close(descriptor_);
  path_ = path;
  frequency_ = frequency;
  in_file_ = 0;
  end_ = 0;
  taken_.clear();
  const std::string name = frequency > 0 ? path + '.' + std::to_string(next_file_++) : path;
  descriptor_ = open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0640);
  if (descriptor_ < 0 && !failing_) {
    failing_ = true;
    log(LogLevel::kError, "trace", "{}: cannot be opened ({}); traces are lost", name,
        std::strerror(errno));
  }
}

void TraceFile::flush() {
  if (taken_.size() == 0) return;
  const auto size = static_cast<std::int64_t>(taken_.size());
  append_text(taken_, kEnd);
  if (descriptor_ >= 0 && write_at(descriptor_, view_of(taken_), end_)) {
    end_ += size;
    failing_ = false;
  } else if (descriptor_ >= 0) {
    if (!failing_) {
      log(LogLevel::kError, "trace", "{}: cannot be written ({}); traces are lost", path_,
          std::strerror(errno));
    }
    failing_ = true;
  }
  taken_.clear();
}

}  // namespace shoal
