#include "telemetry/trace_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "core/json_text.h"
#include "telemetry/stage_spans.h"

namespace shoal {
namespace {

// Thread numbers within a model's process; lane n is n + kFirstLane.
constexpr int kQueueTrack = 1;
constexpr int kFirstLane = 10;

// A batch, put together from its pictures.
struct TracedBatch {
  const TracedRequest* first = nullptr;  // of the pictures, the one answered first
  TimePoint done;                        // at the latest
  TimePoint oldest;                      // when its longest waiting picture was queued
};
using BatchKey = std::tuple<int, std::uint64_t, int>;  // model, batch, lane

class Writer {
 public:
  Writer(std::span<const TracedRequest> requests, const Trace::ModelName& model_name)
      : requests_(requests), model_name_(model_name) {
    if (!requests.empty()) zero_ = requests.front().arrived;
    for (const TracedRequest& request : requests) {
      const StageSpans spans = spans_of(request);
      zero_ = std::min({zero_, request.arrived, spans.begun});
      if (request.batch.id == 0 || request.batch.lane < 0) continue;
      auto [place, added] = batches_.try_emplace(
          BatchKey{request.model, request.batch.id, request.batch.lane},
          TracedBatch{&request, spans.done, spans.queue});
      TracedBatch& batch = place->second;
      if (request.answered < batch.first->answered) batch.first = &request;
      batch.done = std::min(batch.done, spans.done);
      batch.oldest = std::min(batch.oldest, spans.queue);
    }
  }

  std::string write(std::uint64_t missed) {
    append_text(out_, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"requests\":");
    print("{},\"missed\":{}}},\"traceEvents\":[", requests_.size(), missed);
    name_tracks();
    std::uint64_t id = 0;
    for (const TracedRequest& request : requests_) write_request(request, ++id);
    for (const auto& [key, batch] : batches_) write_batch(batch, ++id);
    write_depth();
    append_text(out_, "\n]}\n");
    return {out_.data(), out_.size()};
  }

 private:
  [[nodiscard]] static StageSpans spans_of(const TracedRequest& request) {
    return stage_spans(request.times, request.work, request.answered);
  }

  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  // Opens an event; its other fields and the closing brace follow.
  void begin(std::string_view name, std::string_view category, char phase, int model, int thread) {
    append_text(out_, first_ ? "\n{\"name\":" : ",\n{\"name\":");
    first_ = false;
    append_json_string(out_, name);
    print(",\"cat\":\"{}\",\"ph\":\"{}\",\"pid\":{},\"tid\":{}", category, phase, model + 1,
          thread);
  }
  void time(std::string_view name, Duration since_zero) {
    print(",\"{}\":{:.3f}", name, std::chrono::duration<double, std::micro>(since_zero).count());
  }

  void name_tracks() {
    std::set<int> models;
    std::set<std::pair<int, int>> lanes;
    for (const TracedRequest& request : requests_) {
      models.insert(request.model);
      if (request.batch.lane >= 0) lanes.insert({request.model, request.batch.lane});
    }
    const auto name = [this](std::string_view what, int model, int thread, std::string_view text) {
      begin(what, "__metadata", 'M', model, thread);
      append_text(out_, ",\"args\":{\"name\":");
      append_json_string(out_, text);
      append_text(out_, "}}");
    };
    for (const int model : models) {
      name("process_name", model, 0, "model " + model_name_(model));
      name("thread_name", model, kQueueTrack, "queue");
    }
    for (const auto& [model, lane] : lanes) {
      name("thread_name", model, kFirstLane + lane, "lane " + std::to_string(lane));
    }
  }

  // An asynchronous pair.
  void span(std::string_view name, std::string_view category, int model, std::uint64_t id,
            TimePoint from, TimePoint to, std::string_view args = {}) {
    begin(name, category, 'b', model, kQueueTrack);
    print(",\"id\":\"{:#x}\"", id);
    time("ts", from - zero_);
    if (!args.empty()) print(",\"args\":{}", args);
    out_.push_back('}');
    begin(name, category, 'e', model, kQueueTrack);
    print(",\"id\":\"{:#x}\"", id);
    time("ts", std::max(from, to) - zero_);
    out_.push_back('}');
  }

  void write_request(const TracedRequest& request, std::uint64_t id) {
    const StageSpans spans = spans_of(request);
    fmt::memory_buffer args;
    append_text(args, "{\"request_id\":");
    append_json_string(args, request.request_id.view());
    append_text(args, ",\"door\":");
    append_json_string(args, request.door.view());
    fmt::format_to(std::back_inserter(args),
                   ",\"priority\":\"{}\",\"input\":\"{}x{}\",\"batch\":{},\"status\":\"{}\","
                   "\"detections\":{}}}",
                   to_string(request.priority), request.input.width, request.input.height,
                   request.batch.id, request.error ? to_string(*request.error) : "ok",
                   request.detections);
    span("request", "request", request.model, id, std::min(request.arrived, spans.begun),
         request.answered, view_of(args));
    if (request.batch.id == 0) return;
    span("wait", "queue", request.model, id, spans.queue, spans.launched, view_of(args));
    depth_.push_back({request.model, spans.queue, 1});
    depth_.push_back({request.model, spans.launched, -1});
  }

  // On a lane's track.
  void slice(std::string_view name, const TracedRequest& of, TimePoint from, TimePoint to,
             std::string_view args = {}) {
    begin(name, "lane", 'X', of.model, kFirstLane + of.batch.lane);
    time("ts", from - zero_);
    time("dur", std::max(Duration::zero(), to - from));
    if (!args.empty()) print(",\"args\":{}", args);
    out_.push_back('}');
  }

  void write_batch(const TracedBatch& batch, std::uint64_t id) {
    const TracedRequest& first = *batch.first;
    const StageSpans spans = stage_spans(first.times, first.work, batch.done);
    const std::string name = fmt::format("batch {}", first.batch.id);
    fmt::memory_buffer args;
    fmt::format_to(std::back_inserter(args), "{{\"size\":{},\"bucket\":\"{}x{}\",\"close_reason\":",
                   first.batch_size, first.batch.bucket.width, first.batch.bucket.height);
    append_json_string(args, first.batch.close_reason);
    fmt::format_to(std::back_inserter(args), ",\"chunks\":{},\"oom_retries\":{}}}",
                   first.batch.chunks, first.batch.retries);
    span(name, "batch", first.model, id, std::min(batch.oldest, spans.launched), spans.done,
         view_of(args));
    slice(name, first, spans.launched, spans.done, view_of(args));
    if (spans.launched < spans.preprocess) {
      slice("decode", first, spans.launched, spans.preprocess);
    }
    slice("preprocess", first, spans.preprocess, spans.inference);
    slice("inference", first, spans.inference, spans.postprocess);
    slice("postprocess", first, spans.postprocess, spans.done);
  }

  void write_depth() {
    std::sort(depth_.begin(), depth_.end(), [](const Step& a, const Step& b) {
      return std::tie(a.model, a.time, a.by) < std::tie(b.model, b.time, b.by);
    });
    int depth = 0;
    for (std::size_t i = 0; i < depth_.size(); ++i) {
      if (i > 0 && depth_[i].model != depth_[i - 1].model) depth = 0;
      depth = std::max(0, depth + depth_[i].by);
      begin("queue depth", "queue", 'C', depth_[i].model, kQueueTrack);
      time("ts", depth_[i].time - zero_);
      print(",\"args\":{{\"waiting\":{}}}}}", depth);
    }
  }

  struct Step {
    int model;
    TimePoint time;
    int by;
  };

  const std::span<const TracedRequest> requests_;
  const Trace::ModelName& model_name_;
  TimePoint zero_;
  std::map<BatchKey, TracedBatch> batches_;
  std::vector<Step> depth_;
  fmt::memory_buffer out_;
  bool first_ = true;
};

}  // namespace

std::string trace_events_json(std::span<const TracedRequest> requests, std::uint64_t missed,
                              const Trace::ModelName& model_name) {
  return Writer(requests, model_name).write(missed);
}

}  // namespace shoal
