// The scheduler: requests in, batches out. Lanes pull: an idle lane asks, decide() answers, and
// nothing stands between the two, so there is no batcher thread to wake.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/bounded_queue.h"
#include "core/request.h"
#include "scheduler/policy.h"
#include "scheduler/run_times.h"

namespace shoal {

struct Batch {
  std::uint64_t id = 0;
  std::size_t bucket = 0;
  CloseReason reason = CloseReason::kFull;
  std::vector<std::unique_ptr<Request>> requests;
};

struct BatcherOptions {
  Policy policy;
  std::size_t bucket_count = 1;
  int lane_count = 1;
  // Most requests waiting, all buckets together. More hides overload as latency.
  std::size_t queue_limit = 256;
};

// Threads  all methods may be called from any thread.
// Cost     one lock a call; no allocation once queues have grown to the limit.
class Batcher {
 public:
  explicit Batcher(const BatcherOptions& options);
  ~Batcher();  // REQUIRES: closed and drained, or abandoned

  // Takes the request where it is accepted; otherwise the caller still owns it. `now` becomes its
  // queue time. kDropOldest is not offered here: evicting means answering, the doors do that.
  [[nodiscard]] Pushed submit(std::unique_ptr<Request>& request, Overflow overflow, TimePoint now);

  // Waits until decide() launches a batch and fills `batch` (its vector is used again). False once
  // closed and drained.
  [[nodiscard]] bool next(Batch& batch);

  // The lane says what its batch cost.
  void learn(std::size_t bucket, int count, Duration run_time);

  // No more requests: what waits is launched without delay, then next() returns false.
  void close();
  // Closes and hands back what waits, for the caller to answer.
  [[nodiscard]] std::vector<std::unique_ptr<Request>> abandon();

  [[nodiscard]] std::size_t waiting() const;

 private:
  class Ring;
  [[nodiscard]] Decision decide_locked(TimePoint now);
  void take_locked(const Launch& launch, Batch& batch);

  const BatcherOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable room_;
  std::vector<Ring> queues_;       // one a bucket
  std::vector<BucketView> views_;  // scratch of decide_locked
  RunTimes run_times_;
  std::size_t waiting_ = 0;
  int idle_lanes_ = 0;
  std::uint64_t batches_ = 0;
  bool closed_ = false;
};

}  // namespace shoal
