// The lanes: threads that pull batches from the scheduler and run preprocess, engine and
// postprocess of a batch in sequence. Every door submits here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/request.h"
#include "engine/engine.h"
#include "postprocess/postprocess.h"
#include "preprocess/letterbox.h"
#include "scheduler/batcher.h"
#include "shoal/result.h"
#include "telemetry/histogram.h"

namespace shoal {

struct LanePoolOptions {
  PostprocessOptions postprocess;
  Duration queue_delay = std::chrono::milliseconds(10);
  std::size_t queue_limit = 256;  // most requests waiting for a lane
};

// What the lanes did so far, all together.
struct LaneStats {
  Histogram queue;        // one entry a picture
  Histogram preprocess;   // one entry a batch, likewise below
  Histogram inference;
  Histogram postprocess;
  std::map<int, std::int64_t> batches;                // size -> how many
  std::map<std::string, std::int64_t> close_reasons;  // -> batches
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

  // Queues a request whose outcome.pixels are decoded. Answers it itself, with an error, where it
  // is not accepted.
  void submit(std::unique_ptr<Request> request, Overflow overflow);

  // Answers everything accepted, then ends the threads. Idempotent.
  void close();

  [[nodiscard]] const Engine& engine() const { return *engine_; }
  [[nodiscard]] int lane_count() const { return static_cast<int>(lanes_.size()); }
  [[nodiscard]] LaneStats stats() const;

 private:
  class Lane;
  LanePool(std::unique_ptr<Engine> engine, const LanePoolOptions& options);

  std::unique_ptr<Engine> engine_;
  Batcher batcher_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::once_flag closed_;
};

}  // namespace shoal
