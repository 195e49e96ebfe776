#include "scheduler/simulation/simulator.h"

#include <algorithm>
#include <atomic>
#include <queue>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "scheduler/simulation/invariants.h"
#include "scheduler/simulation/random.h"

namespace shoal {
namespace {

// The virtual clock starts here.
constexpr TimePoint kStart{};
// A lane that met a failed allocation tries a larger batch again after so many.
constexpr int kBatchesUntilGrowth = 16;

Duration longest_run(const LatencyModel& model) {
  Duration longest = model.bypass;
  for (const Duration one : model.batches) longest = std::max(longest, one);
  const double factor = (1 + model.jitter) * (1 + model.untold);
  return std::chrono::duration_cast<Duration>(longest * factor) + Duration(1);
}

class Simulation {
 public:
  Simulation(const Workload& workload, const SimulationOptions& options,
             SimulatedScheduler& scheduler)
      : workload_(workload),
        options_(options),
        scheduler_(scheduler),
        random_(options.seed),
        invariants_(workload, options.scheduler, longest_run(options.model)),
        lanes_(static_cast<std::size_t>(options.scheduler.lane_count) +
               (options.scheduler.bypass_lane ? 1 : 0)),
        gone_(workload.size()),
        ceilings_(options.scheduler.bucket_count, options.scheduler.policy.batch_max),
        batches_since_failure_(options.scheduler.bucket_count) {
    SHOAL_CHECK(static_cast<int>(options.model.batches.size()) >=
                    options.scheduler.policy.batch_max,
                "a time for each batch size");
    report_.requests.resize(workload.size());
  }

  SimulationReport run() {
    for (std::size_t i = 0; i < lanes_.size(); ++i) scheduler_.idle(kind_of(i));
    for (std::size_t i = 0; i < workload_.size(); ++i) {
      add(kStart + workload_[i].at, Event::kArrival, i);
      if (workload_[i].patience) {
        add(kStart + workload_[i].at + *workload_[i].patience, Event::kCancel, i);
      }
    }
    if (!workload_.empty()) add(kStart + workload_.back().at, Event::kClose, 0);
    // Bounds a scheduler that wakes for ever: each request arrives, leaves, and wakes some lanes.
    std::size_t left = 1000 + 64 * workload_.size();
    while (!events_.empty() && left-- > 0) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.time;
      handle(event);
    }
    if (!events_.empty()) violated("it never comes to an end");
    if (options_.check) invariants_.finished();
    report_.violations = invariants_.violations();
    return std::move(report_);
  }

 private:
  struct Event {
    enum Kind : std::uint8_t { kCancel, kArrival, kDone, kTimer, kClose };
    TimePoint time;
    std::uint64_t order = 0;  // of two at the same time the one made earlier comes first
    Kind kind = kArrival;
    std::size_t index = 0;  // of a request or a lane
    bool operator<(const Event& other) const {  // the queue has its greatest on top
      return std::tie(other.time, other.order) < std::tie(time, order);
    }
  };
  struct Lane {
    bool busy = false;
    bool fails = false;  // the batch under way
    TimePoint launched;
    std::optional<TimePoint> wakes;  // where it waits for a time
    Batch batch;
  };

  LaneKind kind_of(std::size_t lane) const {
    return lane < static_cast<std::size_t>(options_.scheduler.lane_count) ? LaneKind::kRegular
                                                                           : LaneKind::kBypass;
  }

  LaneState lane_state() const {
    LaneState state;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      if (lanes_[i].busy) continue;
      if (kind_of(i) == LaneKind::kRegular) {
        ++state.idle_regular;
      } else {
        state.bypass_idle = true;
      }
    }
    return state;
  }

  void add(TimePoint time, Event::Kind kind, std::size_t index) {
    events_.push({time, order_++, kind, index});
  }

  void violated(const char* what) { invariants_.violated(what, now_); }

  void handle(const Event& event) {
    switch (event.kind) {
      case Event::kCancel:
        gone_[event.index].store(true, std::memory_order_relaxed);
        invariants_.cancelled(event.index);
        return;
      case Event::kArrival: arrive(event.index); break;
      case Event::kDone: finish(event.index); break;
      case Event::kTimer:
        if (lanes_[event.index].wakes != event.time) return;  // it has asked again since
        (void)ask(event.index);
        break;
      case Event::kClose:
        scheduler_.close();
        invariants_.closed();
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
          if (!lanes_[i].busy) (void)ask(i);
        }
        break;
    }
    settle();
  }

  void end(std::size_t request, Fate fate) {
    RequestFate& known = report_.requests[request];
    known.fate = fate;
    known.ended = now_ - kStart;
    ++report_.fates[static_cast<std::size_t>(fate)];
    invariants_.ended(request);
  }

  void arrive(std::size_t index) {
    const Arrival& arrival = workload_[index];
    std::unique_ptr<Request> request;
    if (free_.empty()) {
      request = std::make_unique<Request>();
    } else {
      request = std::move(free_.back());
      free_.pop_back();
    }
    request->sequence = index;
    request->bucket = arrival.bucket;
    request->priority = arrival.priority;
    request->source.id = arrival.source;
    request->deadline.reset();
    request->start_by.reset();
    if (arrival.timeout) {
      (options_.waits_only ? request->start_by : request->deadline) = now_ + *arrival.timeout;
    }
    request->cancelled = &gone_[index];
    if (options_.admission && !scheduler_.admit(*request, now_).accepted) {
      end(index, Fate::kRefused);
    } else if (scheduler_.submit(request, now_) == Pushed::kAccepted) {
      const TimePoint deadline = arrival.timeout ? now_ + *arrival.timeout : TimePoint::max();
      if (options_.check) invariants_.submitted(index, deadline, now_);
      return;
    } else {
      end(index, Fate::kRejected);
    }
    free_.push_back(std::move(request));
  }

  // Lanes ask as the Batcher wakes them, until none has anything to do.
  void settle() {
    for (;;) {
      const Wake wake = scheduler_.wake();
      if (wake.bypass && ask(lanes_.size() - 1)) continue;
      if (!wake.regular) break;
      const auto regular = static_cast<std::size_t>(options_.scheduler.lane_count);
      std::size_t lane = random_.below(regular);
      for (std::size_t i = 0; i < regular && lanes_[lane].busy; ++i) lane = (lane + 1) % regular;
      if (lanes_[lane].busy || !ask(lane)) break;
    }
    if (options_.check) invariants_.settled(lane_state(), now_);
  }

  // Returns whether the lane got a batch or something to drop.
  bool ask(std::size_t index) {
    Lane& lane = lanes_[index];
    const LaneKind kind = kind_of(index);
    lane.batch.requests.clear();
    lane.batch.dropped.clear();
    const auto waited_until = std::exchange(lane.wakes, std::nullopt);
    const Decision decision = scheduler_.ask(lane.batch, kind, now_);
    if (options_.check) {
      for (const Dropped& dropped : lane.batch.dropped) {
        invariants_.dropped(dropped.request->sequence, dropped.reason, now_);
      }
      if (!lane.batch.requests.empty()) {
        invariants_.launched(lane.batch, kind, lane_state(), now_);
      }
    }
    for (Dropped& dropped : lane.batch.dropped) {
      end(dropped.request->sequence,
          dropped.reason == DropReason::kCancelled ? Fate::kCancelled : Fate::kExpired);
      free_.push_back(std::move(dropped.request));
    }
    if (!lane.batch.requests.empty()) {
      launch(index);
      return true;
    }
    if (const auto* wait = std::get_if<WaitUntil>(&decision)) {
      if (wait->time <= now_) {
        violated("a lane is to wait until a time that has passed");
      } else {
        lane.wakes = wait->time;
        if (waited_until != wait->time) add(wait->time, Event::kTimer, index);
      }
    }
    // Those that were dropped are answered, and the lane asks again: there may be more.
    return !lane.batch.dropped.empty();
  }

  void launch(std::size_t index) {
    Lane& lane = lanes_[index];
    const LaneKind kind = kind_of(index);
    scheduler_.busy(kind);
    lane.busy = true;
    lane.launched = now_;
    lane.fails = random_.chance(options_.model.failures);
    const std::size_t count = lane.batch.requests.size();
    ++report_.batches;
    ++report_.close_reasons[static_cast<std::size_t>(lane.batch.reason)];
    for (const auto& request : lane.batch.requests) {
      report_.requests[request->sequence].launched = now_ - kStart;
      report_.requests[request->sequence].batch_size = static_cast<int>(count);
    }
    const LatencyModel& model = options_.model;
    // A batch over the maximum is the invariants' business; it takes as long as the largest.
    const Duration run = kind == LaneKind::kBypass
                             ? model.bypass
                             : model.batches[std::min(count, model.batches.size()) - 1];
    const double longer = 1 + model.jitter * random_.uniform();
    const double whole = longer * (1 + model.untold);
    add(now_ + std::chrono::duration_cast<Duration>(run * whole), Event::kDone, index);
    if (kind == LaneKind::kRegular) allocate(lane.batch.bucket, static_cast<int>(count));
  }

  // What a lane does where memory does not suffice: remembers it, and tries more again later.
  void allocate(std::size_t bucket, int count) {
    int& ceiling = ceilings_[bucket];
    const int before = ceiling;
    if (options_.model.memory_max > 0 && count > options_.model.memory_max) {
      ceiling = std::max(1, count / 2);
      batches_since_failure_[bucket] = 0;
    } else if (++batches_since_failure_[bucket] % kBatchesUntilGrowth == 0) {
      ceiling = std::min(ceiling + 1, options_.scheduler.policy.batch_max);
    }
    if (ceiling == before) return;
    scheduler_.limit_batch(bucket, ceiling);
    invariants_.limited(bucket, ceiling);
  }

  void finish(std::size_t index) {
    Lane& lane = lanes_[index];
    const int count = static_cast<int>(lane.batch.requests.size());
    if (!lane.fails && count <= options_.scheduler.policy.batch_max) {
      const auto told = std::chrono::duration_cast<Duration>((now_ - lane.launched) /
                                                             (1 + options_.model.untold));
      scheduler_.learn(lane.batch.bucket, count, told, kind_of(index), now_);
    }
    for (auto& request : lane.batch.requests) {
      if (!lane.fails && request->deadline && now_ > *request->deadline) ++report_.late;
      end(request->sequence, lane.fails ? Fate::kFailed : Fate::kAnswered);
      free_.push_back(std::move(request));
    }
    lane.busy = false;
    scheduler_.idle(kind_of(index));
    (void)ask(index);
  }

  const Workload& workload_;
  const SimulationOptions& options_;
  SimulatedScheduler& scheduler_;
  Random random_;
  Invariants invariants_;
  std::vector<Lane> lanes_;  // regular ones, then the bypass lane
  std::vector<std::atomic<bool>> gone_;  // [request]
  std::vector<int> ceilings_;            // [bucket]
  std::vector<int> batches_since_failure_;  // [bucket]
  std::vector<std::unique_ptr<Request>> free_;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  TimePoint now_ = kStart;
  SimulationReport report_;
};

}  // namespace

LatencyModel make_model(Duration fixed, Duration each, int batch_max) {
  LatencyModel model;
  for (int count = 1; count <= batch_max; ++count) model.batches.push_back(fixed + each * count);
  model.bypass = model.batches.front();
  return model;
}

double SimulationReport::mean_batch() const {
  const std::int64_t ran = count(Fate::kAnswered) + count(Fate::kFailed);
  return batches == 0 ? 0 : static_cast<double>(ran) / static_cast<double>(batches);
}

SimulationReport simulate(const Workload& workload, const SimulationOptions& options,
                          SimulatedScheduler& scheduler) {
  return Simulation(workload, options, scheduler).run();
}

SimulationReport simulate(const Workload& workload, const SimulationOptions& options) {
  RealScheduler scheduler(options.scheduler);
  return simulate(workload, options, scheduler);
}

double share_within(const Workload& workload, const SimulationReport& report, Duration slo) {
  if (workload.empty()) return 1;
  std::int64_t good = 0;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const RequestFate& one = report.requests[i];
    if (one.fate == Fate::kAnswered && one.ended - workload[i].at <= slo) ++good;
  }
  return static_cast<double>(good) / static_cast<double>(workload.size());
}

Duration latency_quantile(const Workload& workload, const SimulationReport& report, double q) {
  std::vector<Duration> latencies;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const RequestFate& one = report.requests[i];
    if (one.fate == Fate::kAnswered) latencies.push_back(one.ended - workload[i].at);
  }
  if (latencies.empty()) return Duration::zero();
  std::sort(latencies.begin(), latencies.end());
  const auto last = static_cast<double>(latencies.size() - 1);
  return latencies[static_cast<std::size_t>(q * last + 0.5)];
}

}  // namespace shoal
