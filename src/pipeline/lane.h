// One lane: a thread with its infer lane and buffers. It takes batches from the scheduler and runs
// decode (where a request comes encoded), preprocess, network and postprocess in sequence.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "decode/picture_decoder.h"
#include "engine/engine.h"
#include "pipeline/lane_stats.h"
#include "postprocess/postprocess.h"
#include "preprocess/letterbox.h"
#include "scheduler/batcher.h"
#include "shoal/result.h"

namespace shoal {

struct LaneOptions {
  int index = 0;
  int batch_max = 1;  // of its infer lane
  LaneKind kind = LaneKind::kRegular;
  PictureLimits limits;
};

// Threads  start() and join() by one thread; add_to() by any.
class Lane {
 public:
  // `postprocess` is empty for engines with raw outputs. References outlive the lane.
  Lane(const Engine& engine, std::unique_ptr<InferLane> infer,
       std::optional<Postprocess> postprocess, Batcher& batcher, const LaneOptions& options);

  void start();
  void join();
  void add_to(LaneStats& stats) const;

 private:
  struct Times {
    TimePoint launched, decoded, letterboxed, inferred, done;
    Duration decode{};  // within launched .. letterboxed
  };

  void answer_dropped();
  void serve();
  void answer_all(const Times& times, const Result<void>& result);
  void fill_outcome(Request& request, const Times& times) const;
  void prepare(Times& times);
  [[nodiscard]] Result<void> prepare_one(Request& request, int slot, Duration& decode);
  [[nodiscard]] Result<void> decode_into(Frame& frame, Request& request, Duration& decode);
  [[nodiscard]] Result<void> run(Times& times);
  void copy_tensors(Request& request, int slot) const;
  void count_batch(const Times& times, bool ran);

  const Engine& engine_;
  std::unique_ptr<InferLane> infer_;
  std::optional<Postprocess> postprocess_;
  Batcher& batcher_;
  const LaneOptions options_;
  Batch batch_;
  PictureDecoder decoder_;
  Frame frame_;                          // of pictures that come encoded, one after another
  std::vector<Letterbox> letterboxes_;   // [batch_max]
  std::vector<HeadView> heads_;          // [batch_max]
  std::vector<Detections> detections_;   // [batch_max], exchanged with the requests'
  LetterboxScratch scratch_;
  std::vector<std::unique_ptr<Request>> failed_;  // of the batch under way, before the network
  mutable std::mutex mutex_;
  LaneStats counts_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace shoal
