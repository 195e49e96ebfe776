#include "pipeline/run.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "pipeline/decode_pool.h"
#include "pipeline/request_pool.h"
#include "pipeline/sequencer.h"
#include "telemetry/process.h"
#include "track/video_tracks.h"

namespace shoal {
namespace {

constexpr std::size_t kFailuresKept = 10;

// Adds outcomes up and hands them to the sinks.
class Collector {
 public:
  Collector(const RunOptions& options, std::span<const std::string> class_names)
      : options_(options), class_names_(class_names), sinks_(options.sinks),
        objects_(class_names.size()) {
    if (options.track) tracks_.emplace(*options.track);
  }

  void take(Outcome& outcome) {
    if (tracks_) tracks_->follow(outcome);
    ++summary_.pictures;
    if (outcome.error) {
      failed(outcome.error->message);
    } else {
      padding_ += outcome.padding;
      summary_.damaged += outcome.damaged ? 1 : 0;
      summary_.truncated += outcome.detections.truncated ? 1 : 0;
      summary_.objects += static_cast<std::int64_t>(outcome.detections.items.size());
      for (const Detection& detection : outcome.detections.items) {
        ++objects_[static_cast<std::size_t>(detection.class_id)];
      }
    }
    write(outcome);
    if (options_.on_outcome) options_.on_outcome(outcome);
  }

  RunSummary finish() {
    const auto good = summary_.pictures - summary_.failed;
    summary_.padding = good > 0 ? padding_ / static_cast<double>(good) : 0;
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      if (objects_[i] > 0) summary_.objects_by_class[class_names_[i]] += objects_[i];
    }
    return std::move(summary_);
  }

 private:
  void failed(const std::string& message) {
    ++summary_.failed;
    if (summary_.failures.size() < kFailuresKept) summary_.failures.push_back(message);
  }

  // A sink that fails is not written again; the others go on.
  void write(const Outcome& outcome) {
    for (auto sink = sinks_.begin(); sink != sinks_.end();) {
      const Result<void> written = (*sink)->write(outcome);
      if (written) {
        ++sink;
        continue;
      }
      ++summary_.sink_failures;
      summary_.failures.push_back(written.error().message);
      sink = sinks_.erase(sink);
    }
  }

  const RunOptions& options_;
  std::span<const std::string> class_names_;
  std::vector<Sink*> sinks_;
  std::optional<VideoTracks> tracks_;
  std::vector<std::int64_t> objects_;  // [classes]
  RunSummary summary_;
  double padding_ = 0;
};

StageSummary stage(const Histogram& times, double busy_ms) {
  const double total_ms = to_milliseconds(times.total());
  return {.mean_ms = times.mean_ms(), .p99_ms = times.quantile_ms(0.99),
          .lane_share = busy_ms > 0 ? total_ms / busy_ms : 0};
}

void add_lane_stats(RunSummary& summary, const LaneStats& stats) {
  const double busy_ms = to_milliseconds(stats.preprocess.total() + stats.inference.total() +
                                         stats.postprocess.total());
  summary.queue = stage(stats.queue, 0);
  summary.preprocess = stage(stats.preprocess, busy_ms);
  summary.inference = stage(stats.inference, busy_ms);
  summary.postprocess = stage(stats.postprocess, busy_ms);
  for (std::size_t size = 1; size < stats.sizes.size(); ++size) {
    if (stats.sizes[size].batches > 0) {
      summary.batches[static_cast<int>(size)] = stats.sizes[size].batches;
    }
  }
  for (std::size_t reason = 0; reason < stats.close_reasons.size(); ++reason) {
    if (stats.close_reasons[reason] == 0) continue;
    summary.close_reasons[std::string(to_string(static_cast<CloseReason>(reason)))] =
        stats.close_reasons[reason];
  }
}

}  // namespace

RunSummary run_inputs(LanePool& lanes, const RunOptions& options) {
  const bool draws = std::any_of(options.sinks.begin(), options.sinks.end(),
                                 [](const Sink* sink) { return sink->wants_pixels(); });
  const auto in_flight = static_cast<std::size_t>(options.requests_max);
  const TimePoint start = Clock::now();
  const auto seconds = [start] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };

  RequestPool requests(in_flight, 300);
  Sequencer sequencer(in_flight);
  DecodePool decoders(lanes, {.threads = options.decode_threads,
                              .queue_limit = in_flight,
                              .limits = options.reader.limits,
                              .scaled = options.scaled_decode && !draws});
  Collector collector(options, lanes.engine().model().class_names);
  Reader reader(options.reader, requests, decoders, lanes, sequencer);

  RunProgress progress;
  bool stopping = false;
  for (;;) {
    std::unique_ptr<Request> request;
    const auto waited = sequencer.next(request, std::chrono::milliseconds(100));
    if (waited == Sequencer::Wait::kEnd) break;
    if (!stopping && options.stop != nullptr && options.stop->load()) {
      stopping = true;
      reader.request_stop();
    }
    if (request) {
      collector.take(request->outcome);
      requests.release(std::move(request));
      ++progress.done;
    }
    progress.total = reader.total();
    progress.is_video = reader.saw_video();
    if (options.on_progress) options.on_progress(progress);
  }
  reader.join();
  decoders.close();

  RunSummary summary = collector.finish();
  summary.seconds = seconds();
  summary.interrupted = stopping;
  summary.is_video = reader.saw_video();
  summary.notes = reader.notes();
  Histogram decode = decoders.times();
  decode.merge(reader.decode_times());
  summary.decode = stage(decode, 0);
  add_lane_stats(summary, lanes.stats());
  summary.memory_peak_bytes = process_memory().peak_bytes;
  return summary;
}

}  // namespace shoal
