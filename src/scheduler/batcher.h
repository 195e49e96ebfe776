// The scheduler for threads: doors submit, lanes pull. An idle lane asks, decide() answers, and
// nothing stands between the two, so there is no batcher thread to wake. What it does is in
// Dispatcher and policy.h; here are the lock and the waiting.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "scheduler/dispatcher.h"

namespace shoal {

// Threads  all methods may be called from any thread.
// Cost     one lock a call; no allocation once the vectors of the batches have grown.
class Batcher {
 public:
  explicit Batcher(const BatcherOptions& options);
  ~Batcher();  // REQUIRES: closed and drained, or abandoned

  // Takes the request where it is accepted; otherwise the caller still owns it. `now` becomes its
  // queue time. kDropOldest is not offered here: evicting means answering, the doors do that.
  [[nodiscard]] Pushed submit(std::unique_ptr<Request>& request, Overflow overflow, TimePoint now);

  // Several at once, so that no lane looks before all are there. Those that are not accepted stay
  // with the caller. The requests' vector is not changed otherwise.
  void submit_together(std::span<std::unique_ptr<Request>> requests, TimePoint now);

  // Waits until decide() launches a batch for a lane of this kind, or requests were dropped, and
  // fills `batch` (its vectors are used again): requests, dropped or both. False once closed and
  // drained. At most lane_count regular lanes and one bypass lane ask at a time.
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

  // How long it takes until the lanes are through with all that waits now.
  [[nodiscard]] Duration expected_wait(TimePoint now) const;

  // No more requests: what waits is launched without delay, then next() returns false.
  void close();
  // Closes and hands back what waits, for the caller to answer.
  [[nodiscard]] std::vector<std::unique_ptr<Request>> abandon();

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] int idle_lanes() const;  // regular ones

 private:
  // Where lanes of a kind wait.
  struct Waiters {
    std::condition_variable work;
    // One has been notified and has not looked yet: it will wake the next itself if need be.
    bool notified = false;
  };
  [[nodiscard]] Wake mark_locked();
  void notify(Wake wake);

  mutable std::mutex mutex_;
  std::array<Waiters, 2> waiters_;  // by LaneKind
  std::condition_variable room_;
  int blocked_ = 0;  // submitters that wait for room
  Dispatcher dispatcher_;
};

}  // namespace shoal
