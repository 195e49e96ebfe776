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
#include "scheduler/admission.h"
#include "scheduler/policy.h"
#include "scheduler/run_times.h"

namespace shoal {

// Why a request left the queue without reaching a lane.
enum class DropReason : std::uint8_t {
  kCancelled,  // nobody waits any more
  kExpired,    // its deadline passed
};

struct Dropped {
  std::unique_ptr<Request> request;
  DropReason reason = DropReason::kCancelled;
};

struct Batch {
  std::uint64_t id = 0;  // counts from 1; meaningful, like all up to `requests`, where there are any
  std::size_t bucket = 0;
  CloseReason reason = CloseReason::kFull;
  int batch_max = 0;  // the ceiling that it was made under
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<Dropped> dropped;  // to be answered by the lane, with an error
};

struct BatcherOptions {
  Policy policy;
  std::size_t bucket_count = 1;
  int lane_count = 1;  // regular lanes
  // One lane more asks next() with LaneKind::kBypass. Without it realtime requests go first on
  // the regular lanes, alone.
  bool bypass_lane = false;
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

  // Waits until decide() launches a batch for a lane of this kind, or requests were dropped, and
  // fills `batch` (its vectors are used again): requests, dropped or both. False once closed and
  // drained.
  [[nodiscard]] bool next(Batch& batch, LaneKind kind = LaneKind::kRegular);

  // The lane says what its batch cost. The kinds are learned apart.
  void learn(std::size_t bucket, int count, Duration run_time,
             LaneKind kind = LaneKind::kRegular);

  // From now on a batch of this bucket has at most `count` requests (1 to Policy::batch_max): an
  // allocation failed, or is tried again.
  void limit_batch(std::size_t bucket, int count);

  // Whether the request's deadline can still be met, by its bucket, priority, source and what is
  // queued and learned. Ask before submit(); nothing is queued.
  [[nodiscard]] Admission admit(const Request& request, TimePoint now) const;

  // How long a request of normal priority from a new source would wait now until its lane starts.
  [[nodiscard]] Duration expected_wait(TimePoint now) const;

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
  std::vector<int> ceilings_;
  std::size_t waiting_ = 0;
  int idle_lanes_ = 0;
  std::uint64_t batches_ = 0;
  bool closed_ = false;
};

}  // namespace shoal
