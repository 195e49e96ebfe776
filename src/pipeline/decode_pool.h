// The decode threads: encoded pictures in, decoded requests to the lanes.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/bounded_queue.h"
#include "core/request.h"
#include "decode/picture_decoder.h"
#include "pipeline/lane_pool.h"
#include "telemetry/histogram.h"

namespace shoal {

struct DecodePoolOptions {
  int threads = 2;
  std::size_t queue_limit = 64;
  PictureLimits limits;
  // Decode JPEGs only as large as the network needs. Not where somebody draws on the pixels.
  bool scaled = false;
};

// Threads  submit() by any thread.
class DecodePool {
 public:
  // `lanes` outlives the pool.
  DecodePool(LanePool& lanes, const DecodePoolOptions& options);
  ~DecodePool();  // closes

  // Queues a request whose packet holds a picture; blocks while the queue is full. The request is
  // answered by a lane, or here with an error where the picture cannot be decoded. Never throws.
  void submit(std::unique_ptr<Request> request);
  // Decodes what is queued, then ends the threads. Idempotent.
  void close();
  // Valid after close().
  [[nodiscard]] const Histogram& times() const { return times_; }

 private:
  void serve();

  LanePool& lanes_;
  const DecodePoolOptions options_;
  BoundedQueue<std::unique_ptr<Request>> queue_;
  std::mutex mutex_;
  Histogram times_;
  std::vector<std::thread> threads_;
};

}  // namespace shoal
