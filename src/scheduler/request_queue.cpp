#include "scheduler/request_queue.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace shoal {
namespace {

constexpr std::size_t kRealtimeClass = static_cast<std::size_t>(Priority::kRealtime);

std::size_t class_of(const Request& request) { return static_cast<std::size_t>(request.priority); }

// When it has to begin at the latest.
TimePoint begin_by(const Request& request, TimePoint now, Duration run) {
  if (request.start_by) return *request.start_by;
  if (!request.deadline) return TimePoint::max();
  const TimePoint latest = *request.deadline - run;
  return latest > now ? latest : *request.deadline;
}

}  // namespace

RequestQueue::RequestQueue(std::size_t bucket_count, std::size_t capacity, Duration priority_ageing)
    : capacity_(capacity),
      ageing_(priority_ageing),
      buckets_(bucket_count),
      waiting_(capacity),
      sources_(capacity),
      source_sizes_(capacity),
      flows_(capacity * bucket_count * kPriorityCount),
      deadlines_(bucket_count + 1, DeadlineHeap(capacity)) {
  heads_.reserve(capacity);
  free_.reserve(capacity);
  for (std::size_t i = capacity; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
}

template <RequestQueue::Links RequestQueue::Waiting::*kLinks>
void RequestQueue::append(List& list, std::uint32_t request) {
  waiting_[request].*kLinks = {list.last, kNone};
  (list.last == kNone ? list.first : (waiting_[list.last].*kLinks).next) = request;
  list.last = request;
}

template <RequestQueue::Links RequestQueue::Waiting::*kLinks>
void RequestQueue::unlink(List& list, std::uint32_t request) {
  const Links links = waiting_[request].*kLinks;
  (links.previous == kNone ? list.first : (waiting_[links.previous].*kLinks).next) = links.next;
  (links.next == kNone ? list.last : (waiting_[links.next].*kLinks).previous) = links.previous;
}

void RequestQueue::append(Line& line, std::uint32_t flow, TimePoint now) {
  flows_[flow].since = now;
  flows_[flow].in_line = {line.flows.last, kNone};
  (line.flows.last == kNone ? line.flows.first : flows_[line.flows.last].in_line.next) = flow;
  line.flows.last = flow;
  ++line.flow_count;
}

void RequestQueue::unlink(Line& line, std::uint32_t flow) {
  const Links links = flows_[flow].in_line;
  (links.previous == kNone ? line.flows.first : flows_[links.previous].in_line.next) = links.next;
  (links.next == kNone ? line.flows.last : flows_[links.next].in_line.previous) = links.previous;
  --line.flow_count;
}

std::uint32_t RequestQueue::flow_of(std::uint32_t source, std::size_t bucket,
                                    std::size_t priority) const {
  return static_cast<std::uint32_t>((source * buckets_.size() + bucket) * kPriorityCount +
                                    priority);
}

TimePoint RequestQueue::turn_of(const Line& line, std::size_t priority) const {
  return flows_[line.flows.first].since + ageing_ * static_cast<Duration::rep>(priority);
}

std::size_t RequestQueue::next_priority(const Bucket& bucket) const {
  std::size_t best = kPriorityCount;
  for (std::size_t priority = kRealtimeClass + 1; priority < kPriorityCount; ++priority) {
    if (bucket.lines[priority].size == 0) continue;
    if (best == kPriorityCount ||
        turn_of(bucket.lines[priority], priority) < turn_of(bucket.lines[best], best)) {
      best = priority;
    }
  }
  return best;
}

void RequestQueue::push(std::unique_ptr<Request> request, TimePoint now, Duration run) {
  SHOAL_CHECK(request->bucket < buckets_.size() && !free_.empty(), "a bucket, and room");
  const std::size_t priority = class_of(*request);
  Bucket& bucket = buckets_[request->bucket];
  const std::uint32_t source = sources_.find_or_add(request->source);
  ++source_sizes_[source];
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Waiting& entry = waiting_[index];
  entry.since = now;
  entry.flow = flow_of(source, request->bucket, priority);
  const bool realtime = priority == kRealtimeClass;
  entry.begin_by = begin_by(*request, now, run);
  if (entry.begin_by != TimePoint::max()) {
    deadlines_[realtime ? buckets_.size() : request->bucket].add(index, entry.begin_by);
  }
  entry.request = std::move(request);
  Line& line = bucket.lines[priority];
  Flow& flow = flows_[entry.flow];
  if (flow.size++ == 0) append(line, entry.flow, now);
  ++line.size;
  append<&Waiting::in_flow>(flow.requests, index);
  if (realtime) return;
  append<&Waiting::in_bucket>(bucket.by_age, index);
  ++bucket.waiting;
}

RequestQueue::Taken RequestQueue::take(std::size_t bucket, bool realtime, TimePoint now) {
  const std::size_t priority = realtime ? kRealtimeClass : next_priority(buckets_[bucket]);
  Line& line = buckets_[bucket].lines[priority];
  const std::uint32_t flow = line.flows.first;
  Taken taken;
  taken.request = remove(flows_[flow].requests.first);
  taken.cancelled = taken.request->is_cancelled();
  if (!taken.cancelled && flows_[flow].size > 0) {
    unlink(line, flow);
    append(line, flow, now);
  }
  return taken;
}

std::uint64_t RequestQueue::next_group(std::size_t bucket) const {
  const std::size_t priority = next_priority(buckets_[bucket]);
  if (priority == kPriorityCount) return 0;
  const Flow& flow = flows_[buckets_[bucket].lines[priority].flows.first];
  return waiting_[flow.requests.first].request->group;
}

// Unlinks a request from all it is in. Its flow keeps its place in line while it has others.
std::unique_ptr<Request> RequestQueue::remove(std::uint32_t waiting) {
  Waiting& entry = waiting_[waiting];
  Bucket& bucket = buckets_[entry.request->bucket];
  const std::size_t priority = class_of(*entry.request);
  Line& line = bucket.lines[priority];
  Flow& flow = flows_[entry.flow];
  unlink<&Waiting::in_flow>(flow.requests, waiting);
  --line.size;
  if (--flow.size == 0) unlink(line, entry.flow);
  if (priority == kRealtimeClass) {
    deadlines_.back().remove(waiting);
  } else {
    deadlines_[entry.request->bucket].remove(waiting);
    unlink<&Waiting::in_bucket>(bucket.by_age, waiting);
    --bucket.waiting;
  }
  const auto source =
      static_cast<std::uint32_t>(entry.flow / (buckets_.size() * kPriorityCount));
  if (--source_sizes_[source] == 0) sources_.remove(source);
  free_.push_back(waiting);
  return std::move(entry.request);
}

std::unique_ptr<Request> RequestQueue::take_expired(TimePoint now) {
  for (const DeadlineHeap& heap : deadlines_) {
    if (!heap.empty() && heap.earliest() <= now) return remove(heap.first());
  }
  return nullptr;
}

std::unique_ptr<Request> RequestQueue::take_hopeless(std::size_t bucket, Duration each,
                                                     TimePoint now) {
  if (deadlines_[bucket].empty()) return nullptr;
  const auto& lines = buckets_[bucket].lines;
  for (std::size_t priority = kRealtimeClass + 1; priority < kPriorityCount; ++priority) {
    const std::uint32_t found = hopeless_in(lines[priority], each, now);
    if (found != kNone) return remove(found);
  }
  return nullptr;
}

// Walks the line in the order of its turns: one request of each flow, then the next of each.
std::uint32_t RequestQueue::hopeless_in(const Line& line, Duration each, TimePoint now) {
  heads_.clear();
  for (std::uint32_t flow = line.flows.first; flow != kNone; flow = flows_[flow].in_line.next) {
    heads_.push_back(flows_[flow].requests.first);
  }
  TimePoint begins = now;
  while (!heads_.empty()) {
    std::size_t left = 0;
    for (const std::uint32_t one : heads_) {
      if (waiting_[one].begin_by < begins) return one;
      begins += each;
      const std::uint32_t next = waiting_[one].in_flow.next;
      if (next != kNone) heads_[left++] = next;
    }
    heads_.resize(left);
  }
  return kNone;
}

std::unique_ptr<Request> RequestQueue::take_any() {
  for (Bucket& bucket : buckets_) {
    for (const Line& line : bucket.lines) {
      if (line.size > 0) return remove(flows_[line.flows.first].requests.first);
    }
  }
  return nullptr;
}

std::size_t RequestQueue::size_of(SourceKey source) const {
  const std::uint32_t number = sources_.find(source);
  return number == SourceTable::kNone ? 0 : source_sizes_[number];
}

void RequestQueue::describe(std::size_t index, BucketView& view) const {
  const Bucket& bucket = buckets_[index];
  view.waiting = bucket.waiting;
  if (bucket.waiting > 0) {
    view.oldest = waiting_[bucket.by_age.first].since;
    const std::size_t next = next_priority(bucket);
    view.turn = turn_of(bucket.lines[next], next);
  }
  view.earliest_deadline.reset();
  if (!deadlines_[index].empty()) {
    const Request& first = *waiting_[deadlines_[index].first()].request;
    view.earliest_deadline = first.deadline ? first.deadline : first.start_by;
  }
  const Line& realtime = bucket.lines[kRealtimeClass];
  view.realtime = static_cast<int>(realtime.size);
  if (realtime.size > 0) view.realtime_turn = turn_of(realtime, kRealtimeClass);
}

std::size_t RequestQueue::size_of_flow(const Request& request) const {
  const std::uint32_t source = sources_.find(request.source);
  if (source == SourceTable::kNone) return 0;
  return flows_[flow_of(source, request.bucket, class_of(request))].size;
}

std::size_t RequestQueue::ahead_of(const Request& request, std::size_t bucket,
                                   TimePoint now) const {
  const std::size_t own_class = class_of(request);
  const std::size_t own = size_of_flow(request);
  const TimePoint own_turn = now + ageing_ * static_cast<Duration::rep>(own_class);
  std::size_t ahead = 0;
  for (std::size_t priority = 0; priority < kPriorityCount; ++priority) {
    const Line& line = buckets_[bucket].lines[priority];
    if (line.size == 0) continue;
    if (priority < own_class) {
      ahead += line.size;
    } else if (turn_of(line, priority) <= own_turn) {
      ahead += std::min<std::size_t>(line.size, (own + 1) * line.flow_count);
    }
  }
  return ahead;
}

}  // namespace shoal
