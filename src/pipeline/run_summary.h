// What a finished run did, as data: the verbs print it for people and as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace shoal {

struct StageSummary {
  double mean_ms = 0;
  double p99_ms = 0;
  double lane_share = 0;  // of the lanes' busy time, in [0, 1]; 0 for decode and queue
};

struct RunSummary {
  std::string model;   // "yolo11n.onnx   YOLO11 detect, 80 classes, 640x640, batch 1..8"
  std::string engine;  // Engine::summary()
  bool multi_label = false;   // every class of a box above the threshold, not only the best
  std::int64_t pictures = 0;  // answered, the failed ones included
  std::int64_t failed = 0;    // items answered with an error
  std::int64_t sink_failures = 0;  // outputs that could not be written to the end
  std::int64_t damaged = 0;
  std::int64_t objects = 0;
  std::int64_t truncated = 0;
  bool is_video = false;  // the words are "frames" then
  double seconds = 0;
  std::map<std::string, std::int64_t> objects_by_class;
  StageSummary decode;
  StageSummary queue;
  StageSummary preprocess;
  StageSummary inference;
  StageSummary postprocess;
  std::map<int, std::int64_t> batches;               // size -> how many
  std::map<std::string, std::int64_t> close_reasons;  // full, delay, flush, ... -> batches
  double padding = 0;          // mean share of the network's input that was padding
  std::int64_t memory_peak_bytes = 0;
  std::vector<std::string> failures;  // messages of the first ten
  std::vector<std::string> notes;     // what else is to be known, said as warnings: a film's clock
  std::vector<std::string> written;   // "out/ (127 pictures)", one a sink
  std::string advice;                 // one true, computed suggestion, or empty
  bool interrupted = false;           // Ctrl-C: what is done is kept

  [[nodiscard]] double images_per_second() const {
    return seconds > 0 ? static_cast<double>(pictures) / seconds : 0;
  }
};

}  // namespace shoal
