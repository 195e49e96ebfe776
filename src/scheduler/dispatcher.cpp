#include "scheduler/dispatcher.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace shoal {
namespace {

// After so many requests a batch is as large as the queue allows, even where smaller ones seem as
// cheap: they are a few percent of all then.
constexpr int kExploreEvery = 512;
// Run times older than this refuse nobody while a lane is idle.
constexpr Duration kLearnedLately = std::chrono::seconds(1);
// How often those that wait are looked through for hopeless ones, and how much less than expected
// the ones before it may take for one to count as such.
constexpr Duration kLookEvery = std::chrono::milliseconds(20);
constexpr double kCertain = 0.75;
// Of each comparison of a wait with what was foreseen, and the bounds of what they come to.
constexpr double kWeightOfNewestWait = 0.05;
constexpr double kFactorMin = 0.5;
constexpr double kFactorMax = 16;
// The margin that follows it lets one in so many admitted requests come to nothing: each that does
// raises it by a step, each that a lane takes lowers it by as many times less.
constexpr double kMarginStep = 0.02;
constexpr double kTakenForOneLost = 500;
constexpr double kMarginMax = 1;

std::size_t source_limit(const BatcherOptions& options) {
  const double share = static_cast<double>(options.queue_limit) * options.source_share;
  return std::clamp<std::size_t>(static_cast<std::size_t>(share), 1, options.queue_limit);
}

}  // namespace

Dispatcher::Dispatcher(const BatcherOptions& options)
    : options_(options),
      source_limit_(source_limit(options)),
      queue_(options.bucket_count, options.queue_limit, options.policy.priority_ageing),
      views_(options.bucket_count),
      kinds_{Kind{RunTimes(options.bucket_count, options.policy.batch_max), {}, {}},
             Kind{RunTimes(options.bucket_count, options.policy.batch_max), {}, {}}} {
  SHOAL_CHECK(options.bucket_count > 0 && options.queue_limit > 0, "a bucket and room to queue");
  SHOAL_CHECK(options.lane_count > 0 && options.policy.batch_max > 0, "a lane and a batch");
  for (std::size_t i = 0; i < views_.size(); ++i) {
    views_[i].bucket = i;
    views_[i].batch_max = options.policy.batch_max;
  }
}

bool Dispatcher::has_room(const Request& request) const {
  if (queue_.size() >= options_.queue_limit) return false;
  return source_limit_ == options_.queue_limit || queue_.size_of(request.source) < source_limit_;
}

Pushed Dispatcher::submit(std::unique_ptr<Request>& request, TimePoint now) {
  if (closed_) return Pushed::kClosed;
  if (!has_room(*request)) return Pushed::kRejected;
  // Submitters read the clock before they get the lock, so not quite in order.
  last_ = std::max(last_, now);
  request->queued = last_;
  if (idle_regular() > 0) idle_at_ = last_;
  const std::size_t bucket = request->bucket;
  const Duration run = least_run(*request);
  // The bypass lane's waits are short and known.
  const bool realtime = request->priority == Priority::kRealtime;
  request->foreseen = realtime ? Request::Foreseen() : foresee(*request, last_);
  if (realtime) ++realtime_waiting_;
  queue_.push(std::move(request), last_, run);
  refresh(bucket);
  return Pushed::kAccepted;
}

// What its run takes at least, as far as that is known: alone, on the faster of the lanes that it
// may get.
Duration Dispatcher::least_run(const Request& request) const {
  const auto regular = kind_of(LaneKind::kRegular).run_times.estimate(request.bucket, 1);
  if (!options_.bypass_lane) return regular.value_or(Duration::zero());
  const auto bypass = kind_of(LaneKind::kBypass).run_times.estimate(request.bucket, 1);
  return std::min(regular.value_or(Duration::zero()), bypass.value_or(Duration::zero()));
}

// After requests of the bucket came or went.
void Dispatcher::refresh(std::size_t bucket) { queue_.describe(bucket, views_[bucket]); }

Decision Dispatcher::ask(Batch& batch, LaneKind kind, TimePoint now) {
  last_ = std::max(last_, now);
  batch.dropped.reserve(kDroppedAtOnce);
  drop_expired(batch, last_);
  drop_hopeless(batch, last_);
  for (;;) {
    // There may be more of them: these are answered first, and the lane asks again.
    if (batch.dropped.size() >= kDroppedAtOnce) return Idle{};
    const Decision decision =
        options_.decide(options_.policy,
                        {.buckets = views_, .asking = kind, .idle_lanes = idle_regular(),
                         .lane_count = options_.lane_count, .bypass_idle = bypass_idle(),
                         .flushing = closed_, .realtime_before = realtime_before_,
                         .exploring = since_exploring_ >= kExploreEvery},
                        last_);
    const auto* launch = std::get_if<Launch>(&decision);
    if (launch == nullptr) return decision;
    take(*launch, batch, kind, last_);
    // The first was cancelled: what is left deserves a decision of its own.
    if (!batch.requests.empty()) return decision;
  }
}

void Dispatcher::drop_expired(Batch& batch, TimePoint now) {
  while (batch.dropped.size() < kDroppedAtOnce) {
    auto request = queue_.take_expired(now);
    if (!request) return;
    drop(std::move(request), batch, now);
  }
}

// Where lanes have become slower than they were when requests were admitted, or others go first,
// those at the end cannot be begun in time: they hear of it now and not when their time is over.
void Dispatcher::drop_hopeless(Batch& batch, TimePoint now) {
  if (now - looked_for_hopeless_ < kLookEvery) return;
  looked_for_hopeless_ = now;
  for (const BucketView& view : views_) {
    if (view.waiting <= options_.lane_count || view.known_max == 0) continue;  // not on a guess
    Duration each = view.run_times.front();
    for (int size = 2; size <= view.batch_max; ++size) {
      each = std::min(each, view.run_times[static_cast<std::size_t>(size) - 1] / size);
    }
    each = std::chrono::duration_cast<Duration>(each * kCertain) / options_.lane_count;
    while (batch.dropped.size() < kDroppedAtOnce) {
      auto request = queue_.take_hopeless(view.bucket, each, now);
      if (!request) break;
      drop(std::move(request), batch, now);
    }
  }
}

void Dispatcher::drop(std::unique_ptr<Request> request, Batch& batch, TimePoint now) {
  if (request->priority == Priority::kRealtime) --realtime_waiting_;
  compare_wait(*request, Waited::kAtLeastThis, now);
  const std::size_t bucket = request->bucket;
  const auto& latest = request->start_by ? request->start_by : request->deadline;
  const DropReason reason =
      latest && *latest <= now ? DropReason::kExpired : DropReason::kHopeless;
  batch.dropped.push_back({std::move(request), reason});
  refresh(bucket);
}

// It leaves the queue: its wait is known.
void Dispatcher::compare_wait(const Request& request, Waited waited, TimePoint now) {
  // Short waits say little: they are mostly what was left of the batches under way.
  const BucketView& view = views_[request.bucket];
  const auto& [wait, behind_own] = request.foreseen;
  if (view.run_times.empty() || wait < view.run_times.front()) return;
  if (!busy_as_long_as(request, request.queued, now)) return;
  const double times = static_cast<double>((now - request.queued).count()) /
                       static_cast<double>(wait.count());
  auto& [factor, margin] = experience_[experience_of(request.priority, behind_own)];
  if (waited == Waited::kAtLeastThis) {
    margin = std::min(margin + kMarginStep, kMarginMax);
    if (times < factor) return;
  } else {
    margin = std::max(margin - kMarginStep / kTakenForOneLost, 0.0);
  }
  factor += kWeightOfNewestWait * (std::clamp(times, kFactorMin, kFactorMax) - factor);
}

std::size_t Dispatcher::experience_of(Priority priority, bool behind_own) {
  return 2 * static_cast<std::size_t>(priority) + (behind_own ? 1 : 0);
}

Request::Foreseen Dispatcher::foresee(const Request& request, TimePoint now) const {
  return {.wait = admission_view(request, now).expected_wait,
          .behind_own = queue_.size_of_flow(request) > 0};
}

void Dispatcher::take(const Launch& launch, Batch& batch, LaneKind kind, TimePoint now) {
  const bool realtime = launch.reason == CloseReason::kBypass;
  BucketView& view = views_[launch.bucket];
  int left = realtime ? view.realtime : view.waiting;
  int taken = 0;
  const auto goes_on = [&] {
    if (batch.dropped.size() >= kDroppedAtOnce) return false;
    if (taken < launch.count) return true;
    // What belongs together goes together, whatever the batch size that seemed best.
    const std::uint64_t group = realtime ? 0 : batch.requests.back()->group;
    return group != 0 && taken < view.batch_max && queue_.next_group(launch.bucket) == group;
  };
  for (; left > 0 && goes_on(); --left) {
    auto [request, cancelled] = queue_.take(launch.bucket, realtime, now);
    if (realtime) --realtime_waiting_;
    if (!cancelled) {
      if (kind == LaneKind::kRegular && !realtime) compare_wait(*request, Waited::kThis, now);
      batch.requests.push_back(std::move(request));
      ++taken;
      continue;
    }
    batch.dropped.push_back({std::move(request), DropReason::kCancelled});
    if (taken == 0) break;  // the bucket was chosen for it: perhaps it is another's turn
  }
  refresh(launch.bucket);
  if (taken == 0) return;
  batch.id = ++batches_;
  batch.bucket = launch.bucket;
  batch.batch_max = view.batch_max;
  batch.reason = launch.reason;
  if (taken < launch.count && (batch.reason == CloseReason::kFull ||
                               batch.reason == CloseReason::kMemory)) {
    batch.reason = CloseReason::kIdle;  // it would have been full but for those who left
  }
  Kind& lanes = kinds_[static_cast<std::size_t>(kind)];
  const int known = std::min(taken, options_.policy.batch_max);
  lanes.last_end =
      now + lanes.run_times.estimate(launch.bucket, known).value_or(Duration::zero());
  if (kind == LaneKind::kBypass) return;
  realtime_before_ = realtime;
  since_exploring_ = since_exploring_ >= kExploreEvery && !realtime ? 0 : since_exploring_ + taken;
}

// One request, not a realtime one, and no regular lane runs: the same that decide() looks for.
bool Dispatcher::is_lone() const {
  return queue_.size() == 1 && realtime_waiting_ == 0 && idle_regular() == options_.lane_count;
}

Wake Dispatcher::wake() const {
  if (queue_.size() == 0) return {};
  const bool for_bypass = bypass_idle() && (realtime_waiting_ > 0 || is_lone());
  const bool others = queue_.size() > static_cast<std::size_t>(realtime_waiting_);
  const bool for_regular =
      idle_regular() > 0 && (bypass_idle() ? others && !is_lone() : true);
  return {.regular = for_regular, .bypass = for_bypass};
}

void Dispatcher::learn(std::size_t bucket, int count, Duration run_time, LaneKind kind,
                       TimePoint now) {
  Kind& lanes = kinds_[static_cast<std::size_t>(kind)];
  lanes.run_times.learn(bucket, count, run_time);
  lanes.learned = std::max(lanes.learned, now);
  if (kind == LaneKind::kBypass) return;
  views_[bucket].run_times = lanes.run_times.estimates(bucket);
  views_[bucket].known_max = lanes.run_times.known_max(bucket);
}

void Dispatcher::limit_batch(std::size_t bucket, int count) {
  SHOAL_CHECK(bucket < views_.size(), "a bucket of the model");
  views_[bucket].batch_max = std::clamp(count, 1, options_.policy.batch_max);
}

// The size that decide() would make a batch of.
int Dispatcher::likely_size(const BucketView& view, int waiting) const {
  return smallest_as_cheap(options_.policy, view, std::clamp(waiting, 1, view.batch_max));
}

Duration Dispatcher::run_time(const BucketView& view, int size) const {
  const RunTimes& times = kind_of(LaneKind::kRegular).run_times;
  return times.estimate(view.bucket, size).value_or(Duration::zero());
}

// How long it takes until the regular lanes have done so much and the first has nothing to do.
Duration Dispatcher::lanes_through(Duration work, TimePoint now) const {
  // The batch launched last ends last; the first of all lanes is free about this much sooner.
  if (idle_regular() == 0) {
    work += std::max(kind_of(LaneKind::kRegular).last_end - now, Duration::zero());
  }
  return work / options_.lane_count;
}

AdmissionView Dispatcher::admission_view(const Request& request, TimePoint now) const {
  const BucketView& view = views_[request.bucket];
  const bool realtime = request.priority == Priority::kRealtime;
  const bool on_bypass =
      options_.bypass_lane && (realtime || (bypass_idle() && queue_.size() == 0 &&
                                            idle_regular() == options_.lane_count));
  AdmissionView admission;
  const Kind& lanes = kind_of(on_bypass ? LaneKind::kBypass : LaneKind::kRegular);
  if (on_bypass) {
    admission.run_time = lanes.run_times.estimate(request.bucket, 1);
    const Duration one = admission.run_time.value_or(Duration::zero());
    const Duration rest = bypass_idle() ? Duration::zero() : lanes.last_end - now;
    admission.expected_wait = one * realtime_waiting_ + std::max(rest, Duration::zero());
  } else {
    Duration work{};
    for (const BucketView& other : views_) {
      const auto ahead = static_cast<int>(
          queue_.ahead_of(request, other.bucket, std::max(now, last_)));
      const bool own = other.bucket == request.bucket;
      const int size = likely_size(other, own ? other.waiting + 1 : other.waiting);
      // Of its own bucket it goes with the last ones.
      const int batches = own ? ahead / size : (ahead + size - 1) / size;
      work += run_time(other, size) * batches;
    }
    admission.expected_wait = lanes_through(work, now);
    const int size = realtime ? 1 : likely_size(view, view.waiting + 1);
    admission.run_time = lanes.run_times.estimate(request.bucket, size);
  }
  const bool nothing_to_do = queue_.size() == 0 && (on_bypass ? bypass_idle() : idle_regular() > 0);
  admission.probing = nothing_to_do && now - lanes.learned > kLearnedLately;
  return admission;
}

Admission Dispatcher::admit(const Request& request, TimePoint now) const {
  SHOAL_CHECK(request.bucket < views_.size(), "a bucket of the model");
  AdmissionView view = admission_view(request, now);
  if (idle_regular() == 0 && busy_as_long_as(request, now, now)) {
    const bool behind_own = queue_.size_of_flow(request) > 0;
    const auto& [factor, margin] = experience_[experience_of(request.priority, behind_own)];
    view.expected_wait = std::chrono::duration_cast<Duration>(view.expected_wait * factor);
    view.margin = margin;
  }
  return shoal::admit(view, request.deadline, now, request.start_by);
}

// Whether the lanes have had no pause for as long as the request may wait. Then there is more to do
// than they can, and who is refused costs nothing. After a pause they could have done what was
// refused before it: there everybody gets the chance that there is.
bool Dispatcher::busy_as_long_as(const Request& request, TimePoint queued, TimePoint now) const {
  const auto& latest = request.start_by ? request.start_by : request.deadline;
  return latest && now - idle_at_ >= *latest - queued;
}

Duration Dispatcher::expected_wait(TimePoint now) const {
  Duration work{};
  for (const BucketView& view : views_) {
    const int size = likely_size(view, view.waiting);
    work += run_time(view, size) * ((view.waiting + size - 1) / size);
  }
  const double factor = experience_[experience_of(Priority::kNormal, false)].factor;
  return std::chrono::duration_cast<Duration>(lanes_through(work, now) * factor);
}

std::unique_ptr<Request> Dispatcher::take_any() {
  auto request = queue_.take_any();
  if (request) {
    if (request->priority == Priority::kRealtime) --realtime_waiting_;
    refresh(request->bucket);
  }
  return request;
}

}  // namespace shoal
