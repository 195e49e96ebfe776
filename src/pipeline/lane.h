// One lane: a thread with its infer lane and buffers. It takes batches from the scheduler and runs
// decode (where a request comes encoded), preprocess, network and postprocess in sequence. Where an
// allocation fails, the batch is run in smaller parts, with the same results.
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
#include "pipeline/memory_ceilings.h"
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
       std::optional<Postprocess> postprocess, Batcher& batcher, MemoryCeilings& ceilings,
       const LaneOptions& options);

  void start();
  void join();
  void add_to(LaneStats& stats) const;

 private:
  struct Times {
    TimePoint launched, letterboxed, done;
    Duration decode{};       // within launched .. letterboxed
    Duration postprocess{};  // within letterboxed .. done, where the rest is inference
    [[nodiscard]] Duration preprocess() const { return letterboxed - launched - decode; }
    [[nodiscard]] Duration inference() const { return done - letterboxed - postprocess; }
  };

  void answer_dropped();
  void serve();
  void answer_all(const Times& times);
  [[nodiscard]] static Duration queue_time(const Request& request, const Times& times);
  void fill_outcome(Request& request, const Times& times) const;
  void prepare(Times& times);
  [[nodiscard]] Result<void> fetch(Request& request, Duration& decode);
  [[nodiscard]] Result<void> fetch_newest(Request& request) const;
  [[nodiscard]] Frame& pixels_of(Request& request);
  [[nodiscard]] Result<void> fill_input(Request& request, int slot);
  [[nodiscard]] Result<void> decode_into(Frame& frame, Request& request, Duration& decode);
  void run_in_parts(Times& times);
  [[nodiscard]] Result<void> run(int first, int count, Times& times);
  void fail_slots(int first, int count, const Error& error);
  void copy_tensors(Request& request, int slot) const;
  void count_batch(const Times& times);
  void shed_large_buffers();

  const Engine& engine_;
  std::unique_ptr<InferLane> infer_;
  std::optional<Postprocess> postprocess_;
  Batcher& batcher_;
  MemoryCeilings& ceilings_;
  const LaneOptions options_;
  Batch batch_;
  PictureDecoder decoder_;
  Frame frame_;                          // of pictures that come encoded, one after another
  std::vector<Letterbox> letterboxes_;   // [batch_max]
  std::vector<HeadView> heads_;          // [batch_max]
  std::vector<Detections> detections_;   // [batch_max], exchanged with the requests'
  std::vector<std::optional<Error>> errors_;  // [batch_max], of the batch under way
  int parts_ = 0;                        // runs that it took, but for the failed attempts
  int retries_ = 0;                      // failed allocations in it
  LetterboxScratch scratch_;
  std::vector<std::unique_ptr<Request>> failed_;  // of the batch under way, before the network
  mutable std::mutex mutex_;
  LaneStats counts_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace shoal
