// The requests that wait for a lane, by shape bucket, priority and source, and whose turn it is.
// What decide() needs to know of them is kept up to date with every request that comes or goes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "core/request.h"
#include "scheduler/deadline_heap.h"
#include "scheduler/policy.h"
#include "scheduler/source_table.h"

namespace shoal {

// A flow is the requests of one source in one bucket and priority; they keep their order. Flows
// take turns: one request, then back to the end of the line. The turn of a flow is the time since
// when it is in line plus priority_ageing for each class below kRealtime; the smallest goes next.
// So within a priority sources alternate however many requests each has; a higher class goes first;
// and a flow that waits priority_ageing for its turn goes before whoever of the next class gets in
// line from then on. No flow starves: its turn stays where it is, all others' move on.
//
// Realtime requests are apart: take() is told which kind is wanted.
//
// Threads  none; the caller synchronises.
// Cost     every method O(log n) or better in the requests waiting, and in the priorities, of
//          which there are four; no allocation after construction.
class RequestQueue {
 public:
  // REQUIRES: bucket_count > 0, capacity > 0.
  RequestQueue(std::size_t bucket_count, std::size_t capacity, Duration priority_ageing);

  // `run`: what its run takes at least, as far as that is known. REQUIRES: size() < capacity,
  // request->bucket < bucket_count, now does not go back.
  void push(std::unique_ptr<Request> request, TimePoint now, Duration run = {});

  struct Taken {
    std::unique_ptr<Request> request;
    bool cancelled = false;  // nobody waits for it; it has not used its flow's turn
  };
  // The one whose turn it is, of the bucket's realtime requests or of all others. REQUIRES: there
  // is one.
  [[nodiscard]] Taken take(std::size_t bucket, bool realtime, TimePoint now);
  // The group of the one that take(bucket, false) would take; 0 where there is none.
  [[nodiscard]] std::uint64_t next_group(std::size_t bucket) const;
  // One that can no longer be begun in time: its start_by has come, or its deadline less its run.
  // (One that was queued when it was too late for that has its chance up to its deadline.) nullptr
  // where there is none.
  [[nodiscard]] std::unique_ptr<Request> take_expired(TimePoint now);
  // One that cannot be begun in time because of those of its bucket and class that go before it,
  // where the lanes together take at least `each` for one of them; nullptr where there is none.
  // Realtime requests are left alone.
  // Cost     O(n) in those that wait in the bucket.
  [[nodiscard]] std::unique_ptr<Request> take_hopeless(std::size_t bucket, Duration each,
                                                       TimePoint now);
  // Any; nullptr where the queue is empty.
  [[nodiscard]] std::unique_ptr<Request> take_any();

  [[nodiscard]] std::size_t size() const { return capacity_ - free_.size(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t size_of(SourceKey source) const;
  // Of the request's source, bucket and class.
  [[nodiscard]] std::size_t size_of_flow(const Request& request) const;

  // Fills what the view says of requests: waiting, oldest, turn, earliest_deadline, realtime,
  // realtime_turn.
  void describe(std::size_t bucket, BucketView& view) const;

  // How many of those that wait in `bucket` would go before `request`, came it now, about: all
  // whose turn is earlier, and of its own class one of each other flow for each that it has itself.
  [[nodiscard]] std::size_t ahead_of(const Request& request, std::size_t bucket,
                                     TimePoint now) const;

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // Neighbours in a list; kNone at its ends.
  struct Links {
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
  };
  struct List {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
  };
  struct Waiting {
    std::unique_ptr<Request> request;
    TimePoint since;
    TimePoint begin_by;  // TimePoint::max(): any time
    std::uint32_t flow = kNone;
    Links in_flow;
    Links in_bucket;  // by age; realtime requests are in none
  };
  struct Flow {
    List requests;
    Links in_line;
    TimePoint since;  // when it got in line
    std::uint32_t size = 0;
  };
  // The flows of one bucket and priority, those longest in line first.
  struct Line {
    List flows;
    std::uint32_t flow_count = 0;
    std::uint32_t size = 0;  // requests
  };
  struct Bucket {
    std::array<Line, kPriorityCount> lines;
    List by_age;
    int waiting = 0;  // realtime requests apart
  };

  template <Links Waiting::*kLinks>
  void append(List& list, std::uint32_t request);
  template <Links Waiting::*kLinks>
  void unlink(List& list, std::uint32_t request);
  void append(Line& line, std::uint32_t flow, TimePoint now);
  void unlink(Line& line, std::uint32_t flow);

  [[nodiscard]] std::uint32_t flow_of(std::uint32_t source, std::size_t bucket,
                                      std::size_t priority) const;
  [[nodiscard]] TimePoint turn_of(const Line& line, std::size_t priority) const;
  [[nodiscard]] std::size_t next_priority(const Bucket& bucket) const;
  [[nodiscard]] std::uint32_t hopeless_in(const Line& line, Duration each, TimePoint now);
  [[nodiscard]] std::unique_ptr<Request> remove(std::uint32_t waiting);

  const std::size_t capacity_;
  const Duration ageing_;
  std::vector<Bucket> buckets_;
  std::vector<Waiting> waiting_;     // [capacity]
  std::vector<std::uint32_t> free_;  // of waiting_
  SourceTable sources_;
  std::vector<std::uint32_t> source_sizes_;  // [capacity], by the source's number
  std::vector<Flow> flows_;                  // [capacity of sources, bucket, priority]
  std::vector<DeadlineHeap> deadlines_;      // [bucket], then one for all realtime requests
  std::vector<std::uint32_t> heads_;         // for hopeless_in()
};

}  // namespace shoal
