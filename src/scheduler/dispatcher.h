// The scheduler as a state machine: requests in, batches out, time passed in. No threads and no
// clock: Batcher puts a lock around it, the simulator a virtual clock.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/bounded_queue.h"
#include "core/request.h"
#include "scheduler/admission.h"
#include "scheduler/policy.h"
#include "scheduler/request_queue.h"
#include "scheduler/run_times.h"

namespace shoal {

// Why a request left the queue without reaching a lane.
enum class DropReason : std::uint8_t {
  kCancelled,  // nobody waits any more
  kExpired,    // its deadline passed
  kHopeless,   // it has not passed, but nothing can be done by then any more
};
// So many are dropped at once at most, so that nothing is allocated where the vector has as much.
inline constexpr std::size_t kDroppedAtOnce = 64;

struct Dropped {
  std::unique_ptr<Request> request;
  DropReason reason = DropReason::kCancelled;
};

struct Batch {
  std::uint64_t id = 0;  // counts from 1; meaningful, like all up to `requests`, if there are any
  std::size_t bucket = 0;
  CloseReason reason = CloseReason::kFull;
  int batch_max = 0;  // the ceiling that it was made under
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<Dropped> dropped;  // to be answered by the lane, with an error
};

using Decide = Decision (*)(const Policy& policy, const QueueView& view, TimePoint now);

struct BatcherOptions {
  Policy policy;
  std::size_t bucket_count = 1;
  int lane_count = 1;  // regular lanes
  // One lane more asks next() with LaneKind::kBypass. Without it realtime requests go first on
  // the regular lanes, alone.
  bool bypass_lane = false;
  // Most requests waiting, all buckets together. More hides overload as latency.
  std::size_t queue_limit = 256;
  // The share of them that one source may hold. Below 1 a flooding source leaves room for others.
  double source_share = 1.0;
  Decide decide = &shoal::decide;  // another one only to show that the simulator notices
};

// Which idle lanes have something to do now.
struct Wake {
  bool regular = false;
  bool bypass = false;
};

// Threads  none; the caller synchronises.
// Cost     ask() O(buckets + batch_max) and O(log n) for each request taken; no allocation once
//          the vectors of the batches have grown.
class Dispatcher {
 public:
  explicit Dispatcher(const BatcherOptions& options);

  // Takes the request if kAccepted; otherwise (kRejected, kClosed) the caller still owns it. `now`
  // becomes its queue time; it does not go back.
  [[nodiscard]] Pushed submit(std::unique_ptr<Request>& request, TimePoint now);
  [[nodiscard]] bool has_room(const Request& request) const;

  // A lane has nothing to do; it asks until it gets something.
  void idle(LaneKind kind) { ++idle_[static_cast<std::size_t>(kind)]; }
  void busy(LaneKind kind) { --idle_[static_cast<std::size_t>(kind)]; }

  // Decides for an idle lane. Where the answer is Launch the batch's requests are filled; where
  // requests were dropped, batch.dropped is, whatever the answer. REQUIRES: both vectors empty.
  [[nodiscard]] Decision ask(Batch& batch, LaneKind kind, TimePoint now);

  // Which idle lanes should ask: after a submit, and after a lane got its answer.
  [[nodiscard]] Wake wake() const;

  void learn(std::size_t bucket, int count, Duration run_time, LaneKind kind, TimePoint now);
  void limit_batch(std::size_t bucket, int count);
  [[nodiscard]] Admission admit(const Request& request, TimePoint now) const;
  [[nodiscard]] Duration expected_wait(TimePoint now) const;

  void close() { closed_ = true; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] std::unique_ptr<Request> take_any();
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
  [[nodiscard]] int idle_regular() const { return idle_[0]; }

 private:
  struct Kind {
    RunTimes run_times;
    TimePoint learned;      // the last time
    TimePoint last_end;     // expected, of the batch launched last
  };
  [[nodiscard]] const Kind& kind_of(LaneKind kind) const {
    return kinds_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] bool bypass_idle() const { return options_.bypass_lane && idle_[1] > 0; }
  [[nodiscard]] bool is_lone() const;
  void refresh(std::size_t bucket);
  void drop_expired(Batch& batch, TimePoint now);
  void drop_hopeless(Batch& batch, TimePoint now);
  void drop(std::unique_ptr<Request> request, Batch& batch, TimePoint now);
  enum class Waited : std::uint8_t { kThis, kAtLeastThis };
  void compare_wait(const Request& request, Waited waited, TimePoint now);
  [[nodiscard]] Duration least_run(const Request& request) const;
  void take(const Launch& launch, Batch& batch, LaneKind kind, TimePoint now);
  [[nodiscard]] int likely_size(const BucketView& view, int waiting) const;
  [[nodiscard]] Duration run_time(const BucketView& view, int size) const;
  [[nodiscard]] Duration lanes_through(Duration work, TimePoint now) const;
  [[nodiscard]] AdmissionView admission_view(const Request& request, TimePoint now) const;
  [[nodiscard]] Request::Foreseen foresee(const Request& request, TimePoint now) const;
  [[nodiscard]] bool busy_as_long_as(const Request& request, TimePoint queued,
                                     TimePoint now) const;
  // By priority, and whether others of the same source are before it.
  [[nodiscard]] static std::size_t experience_of(Priority priority, bool behind_own);

  const BatcherOptions options_;
  const std::size_t source_limit_;
  RequestQueue queue_;
  std::vector<BucketView> views_;
  std::array<Kind, 2> kinds_;  // by LaneKind
  std::array<int, 2> idle_{};  // by LaneKind
  int realtime_waiting_ = 0;
  bool realtime_before_ = false;
  std::uint64_t batches_ = 0;
  int since_exploring_ = 0;  // requests
  // What has become of waits that were foreseen. Lanes do more than run batches, and those who come
  // later may go before.
  struct Experience {
    double factor = 1;  // how many times as long they were, the newest counting most
    double margin = 0;  // what more has to be allowed so that hardly any is too long
  };
  std::array<Experience, 2 * kPriorityCount> experience_;  // see experience_of()
  TimePoint idle_at_;  // when a regular lane last had nothing to do
  TimePoint looked_for_hopeless_;
  TimePoint last_;  // the latest `now`
  bool closed_ = false;
};

}  // namespace shoal
