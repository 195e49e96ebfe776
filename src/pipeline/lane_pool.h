// The lanes of one model and the scheduler in front of them. Every door submits here.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/request.h"
#include "engine/engine.h"
#include "pipeline/lane.h"
#include "pipeline/lane_stats.h"
#include "pipeline/memory_ceilings.h"
#include "postprocess/postprocess.h"
#include "scheduler/batcher.h"
#include "shoal/result.h"

namespace shoal {

struct LanePoolOptions {
  PostprocessOptions postprocess;
  Duration queue_delay = std::chrono::milliseconds(10);
  Duration priority_ageing = Policy().priority_ageing;
  std::size_t queue_limit = 256;  // most requests waiting for a lane
  PictureLimits limits = {};      // of pictures that are decoded in the lanes
  bool raw = false;               // EngineOptions::raw: tensors are the answer, no boxes
};

// Threads  all methods may be called from any thread.
class LanePool {
 public:
  // Errors   those of Postprocess::create and Engine::create_lane.
  // Cost     allocates every lane's buffers.
  [[nodiscard]] static Result<std::unique_ptr<LanePool>> create(std::unique_ptr<Engine> engine,
                                                                const LanePoolOptions& options);
  // Closes.
  ~LanePool();

  // Queues a request whose outcome.pixels are decoded, or whose borrowed bytes the lane reads.
  // Answers it itself, with an error, where it is not accepted.
  // Cost     of encoded pictures, reading the header: microseconds.
  void submit(std::unique_ptr<Request> request, Overflow overflow);  // never throws

  // Several at once: see Batcher::submit_together. REQUIRES: no encoded pictures.
  void submit_together(std::span<std::unique_ptr<Request>> requests);

  // Answers everything accepted, then ends the threads. Idempotent.
  void close();

  [[nodiscard]] const Engine& engine() const { return *engine_; }
  // Regular lanes; the bypass lane, where there is one, is beside them.
  [[nodiscard]] int lane_count() const { return engine_->lane_count(); }
  [[nodiscard]] LaneStats stats() const;
  // Buffers of the lanes.
  [[nodiscard]] PoolGauge memory() const { return engine_->lane_memory(); }
  [[nodiscard]] std::size_t waiting() const { return batcher_.waiting(); }
  [[nodiscard]] int idle_lanes() const { return batcher_.idle_lanes(); }
  // Whether a request that would be submitted now could meet its deadline, by its size, priority
  // and source and by what is queued and learned. Sets its bucket.
  [[nodiscard]] Admission admit(Request& request, TimePoint now) const;
  // How long until the lanes are through with all that waits.
  [[nodiscard]] Duration expected_wait(TimePoint now) const { return batcher_.expected_wait(now); }

 private:
  [[nodiscard]] Result<void> place(Request& request) const;
  LanePool(std::unique_ptr<Engine> engine, const LanePoolOptions& options, bool bypass);

  Pool::Lease promised_;  // of model_memory(), for as long as the model is loaded
  std::unique_ptr<Engine> engine_;
  Batcher batcher_;
  MemoryCeilings ceilings_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::once_flag closed_;
};

}  // namespace shoal
