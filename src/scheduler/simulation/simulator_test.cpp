// Goal: what must always hold of the scheduler holds under thousands of seeded workloads, and the
// checks can fail. Method: options drawn from a seed; then schedulers with one defect each, which
// the simulator has to notice.
//
// SHOAL_SIMULATION_SEED=N replays one seed, SHOAL_SIMULATION_SEEDS=N runs so many.
#include "scheduler/simulation/simulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "scheduler/simulation/random.h"

namespace shoal {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Case {
  WorkloadOptions workload;
  SimulationOptions simulation;
};

template <typename T, std::size_t N>
T one_of(Random& random, const T (&values)[N]) {
  return values[random.below(N)];
}

LatencyModel draw_model(Random& random, int batch_max) {
  LatencyModel model;
  switch (random.below(3)) {
    case 0:  // a GPU: a full batch costs hardly more than one picture
      model = make_model(milliseconds(4), microseconds(300), batch_max);
      break;
    case 1:  // a CPU: every picture costs the same
      model = make_model(microseconds(50), milliseconds(3), batch_max);
      break;
    default:  // cheaper up to four
      model = make_model(milliseconds(4), microseconds(500), batch_max);
      for (std::size_t i = 4; i < model.batches.size(); ++i) {
        model.batches[i] = model.batches[3] * (static_cast<int>(i) + 1) / 4;
      }
  }
  model.bypass = model.batches[0] / static_cast<int>(1 + random.below(2));
  model.jitter = one_of(random, {0.0, 0.1, 1.0});
  model.failures = one_of(random, {0.0, 0.0, 0.05});
  if (random.chance(0.2)) model.memory_max = static_cast<int>(1 + random.below(8));
  return model;
}

Case draw_case(std::uint64_t seed) {
  Random random(seed);
  Case drawn;
  BatcherOptions& scheduler = drawn.simulation.scheduler;
  scheduler.policy.batch_max = one_of(random, {1, 2, 4, 8, 16});
  scheduler.policy.queue_delay = milliseconds(one_of(random, {0, 1, 10, 20}));
  scheduler.policy.priority_ageing = milliseconds(one_of(random, {0, 10, 100}));
  scheduler.bucket_count = 1 + random.below(4);
  scheduler.lane_count = static_cast<int>(1 + random.below(4));
  scheduler.bypass_lane = random.chance(0.5);
  scheduler.queue_limit = one_of(random, {std::size_t{4}, std::size_t{32}, std::size_t{256}});
  scheduler.source_share = one_of(random, {0.25, 0.5, 1.0});
  drawn.simulation.seed = seed;
  drawn.simulation.model = draw_model(random, scheduler.policy.batch_max);
  drawn.simulation.admission = random.chance(0.5);
  WorkloadOptions& workload = drawn.workload;
  workload.seed = seed;
  workload.pattern = static_cast<Pattern>(random.below(kPatternCount));
  workload.count = static_cast<int>(100 + random.below(300));
  const LatencyModel& model = drawn.simulation.model;
  const double capacity = scheduler.lane_count * scheduler.policy.batch_max * 1000 /
                          to_milliseconds(model.batches.back());
  workload.rate = capacity * one_of(random, {0.1, 0.5, 0.9, 1.5, 4.0});
  workload.burst = static_cast<int>(2 + random.below(40));
  workload.bucket_count = scheduler.bucket_count;
  workload.source_count = 1 + random.below(12);
  workload.realtime = one_of(random, {0.0, 0.05, 0.5});
  workload.high = one_of(random, {0.0, 0.2, 0.6});
  workload.low = one_of(random, {0.0, 0.2});
  if (random.chance(0.6)) workload.timeout = milliseconds(one_of(random, {5, 20, 60, 300}));
  workload.cancelled = one_of(random, {0.0, 0.1, 0.5});
  return drawn;
}

// The report's own count of misses, recounted from what was asked for and when it was answered.
std::int64_t late_ones(const Workload& workload, const SimulationReport& report) {
  std::int64_t late = 0;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const RequestFate& one = report.requests[i];
    if (one.fate == Fate::kAnswered && workload[i].timeout &&
        one.ended > workload[i].at + *workload[i].timeout) {
      ++late;
    }
  }
  return late;
}

std::string violations_of(const SimulationReport& report) {
  std::string text;
  for (const std::string& one : report.violations) text += "\n  " + one;
  return text;
}

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SimulatorTest, TheInvariantsHoldForThousandsOfSeeds) {
  const std::uint64_t only = number_from("SHOAL_SIMULATION_SEED", 0);
  const std::uint64_t first = only > 0 ? only : 1;
  const std::uint64_t last = only > 0 ? only : number_from("SHOAL_SIMULATION_SEEDS", 5000);
  std::array<std::int64_t, kFateCount> fates{};
  std::array<std::int64_t, kCloseReasonCount> reasons{};
  std::int64_t late = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Case drawn = draw_case(seed);
    const Workload workload = make_workload(drawn.workload);
    const SimulationReport report = simulate(workload, drawn.simulation);
    ASSERT_TRUE(report.violations.empty())
        << "SHOAL_SIMULATION_SEED=" << seed << " replays this:" << violations_of(report);
    ASSERT_EQ(report.late, late_ones(workload, report)) << "SHOAL_SIMULATION_SEED=" << seed;
    ASSERT_EQ(report.count(Fate::kPending), 0);
    for (std::size_t i = 0; i < kFateCount; ++i) fates[i] += report.fates[i];
    for (std::size_t i = 0; i < kCloseReasonCount; ++i) reasons[i] += report.close_reasons[i];
    late += report.late;
  }
  if (only > 0) return;
  // All that can happen did happen, or the checks say little.
  for (std::size_t i = 1; i < kFateCount; ++i) EXPECT_GT(fates[i], 0) << "fate " << i;
  for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
    EXPECT_GT(reasons[i], 0) << to_string(static_cast<CloseReason>(i));
  }
  EXPECT_GT(late, 0);
}

TEST(SimulatorTest, TheSameSeedGivesTheSameReport) {
  const Case drawn = draw_case(42);
  const Workload workload = make_workload(drawn.workload);
  const SimulationReport one = simulate(workload, drawn.simulation);
  const SimulationReport same = simulate(workload, drawn.simulation);
  EXPECT_EQ(one.batches, same.batches);
  for (std::size_t i = 0; i < workload.size(); ++i) {
    ASSERT_EQ(one.requests[i].ended, same.requests[i].ended);
    ASSERT_EQ(one.requests[i].fate, same.requests[i].fate);
  }
}

// --- schedulers with one defect each

// A busy case with all there is: priorities, floods, deadlines, cancellations.
Case busy_case(std::uint64_t seed) {
  Case busy;
  busy.simulation.seed = seed;
  busy.simulation.scheduler = {.policy = {.batch_max = 8}, .bucket_count = 2, .lane_count = 2,
                               .queue_limit = 256};
  busy.simulation.model = make_model(milliseconds(4), microseconds(500), 8);
  busy.simulation.admission = false;
  busy.workload = {.seed = seed, .pattern = Pattern::kFlood, .count = 600, .rate = 2000,
                   .burst = 20, .bucket_count = 2, .source_count = 6, .realtime = 0.05,
                   .high = 0.5, .low = 0.1, .timeout = milliseconds(400), .cancelled = 0.1};
  return busy;
}

// Deadlines that many requests miss.
Case tight_case(std::uint64_t seed) {
  Case tight = busy_case(seed);
  tight.workload.timeout = milliseconds(15);
  return tight;
}

// More than the lanes can do, for long.
Case overloaded_case(std::uint64_t seed) {
  Case overloaded = busy_case(seed);
  overloaded.workload.count = 3000;
  overloaded.workload.timeout.reset();
  return overloaded;
}

// Lanes that are mostly idle, and batches that pay.
Case quiet_case(std::uint64_t seed) {
  Case quiet = busy_case(seed);
  quiet.workload.pattern = Pattern::kPoisson;
  quiet.workload.rate = 200;
  return quiet;
}

// What the simulator says of a scheduler, over some seeds; "" where it has no objection.
template <typename Scheduler>
std::string objection(Case (*make)(std::uint64_t),
                      const std::function<void(BatcherOptions&)>& change = {}) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Case drawn = make(seed);
    const Workload workload = make_workload(drawn.workload);
    BatcherOptions changed = drawn.simulation.scheduler;
    if (change) change(changed);
    Scheduler scheduler(changed);
    const SimulationReport report = simulate(workload, drawn.simulation, scheduler);
    if (!report.violations.empty()) return violations_of(report);
    if (report.late != late_ones(workload, report)) return "deadline misses are hidden";
  }
  return "";
}

std::string objection_to(Decide defective, Case (*make)(std::uint64_t) = &busy_case) {
  return objection<RealScheduler>(
      make, [&](BatcherOptions& options) { options.decide = defective; });
}

#define EXPECT_MENTIONS(text, part) \
  EXPECT_NE((text).find(part), std::string::npos) << "says: \"" << (text) << '"'

TEST(SimulatorTest, HasNoObjectionToTheRealThing) {
  EXPECT_EQ(objection<RealScheduler>(&busy_case), "");
  EXPECT_EQ(objection<RealScheduler>(&tight_case), "");
  EXPECT_EQ(objection<RealScheduler>(&overloaded_case), "");
  EXPECT_EQ(objection<RealScheduler>(&quiet_case), "");
}

TEST(SimulatorTest, NoticesAPolicyThatStarvesABucket) {
  const std::string says = objection_to([](const Policy& policy, const QueueView& view,
                                           TimePoint now) -> Decision {
    // The first bucket first, whatever its turn.
    for (const BucketView& bucket : view.buckets) {
      if (bucket.waiting + bucket.realtime == 0) continue;
      QueueView only = view;
      only.buckets = {&bucket, 1};
      return decide(policy, only, now);
    }
    return Idle{};
  });
  EXPECT_MENTIONS(says, "took the turn of");
}

TEST(SimulatorTest, NoticesAPolicyThatNeverServesABucket) {
  const std::string says = objection_to([](const Policy& policy, const QueueView& view,
                                           TimePoint now) -> Decision {
    QueueView only = view;
    only.buckets = view.buckets.first(1);
    return decide(policy, only, now);
  }, &quiet_case);
  EXPECT_MENTIONS(says, "waits beyond the delay");
  EXPECT_MENTIONS(says, "was answered 0 times");
}

TEST(SimulatorTest, NoticesAPolicyThatTakesMoreThanTheMaximum) {
  const std::string says = objection_to([](const Policy& policy, const QueueView& view,
                                           TimePoint now) -> Decision {
    Decision decision = decide(policy, view, now);
    auto* launch = std::get_if<Launch>(&decision);
    if (launch != nullptr && launch->reason == CloseReason::kFull) ++launch->count;
    return decision;
  });
  EXPECT_MENTIONS(says, "a batch of 9 where 8 is the most");
}

TEST(SimulatorTest, NoticesAPolicyThatWaitsTooLong) {
  const std::string says = objection_to([](const Policy& policy, const QueueView& view,
                                           TimePoint now) -> Decision {
    Policy patient = policy;
    patient.queue_delay += milliseconds(2);
    return decide(patient, view, now);
  }, &quiet_case);
  EXPECT_MENTIONS(says, "waits beyond the delay");
}

TEST(SimulatorTest, NoticesAPolicyThatLiesAboutWhyABatchClosed) {
  const std::string says = objection_to([](const Policy& policy, const QueueView& view,
                                           TimePoint now) -> Decision {
    Decision decision = decide(policy, view, now);
    auto* launch = std::get_if<Launch>(&decision);
    if (launch != nullptr && launch->reason == CloseReason::kIdle) {
      launch->reason = CloseReason::kFull;
    }
    return decision;
  });
  EXPECT_MENTIONS(says, "closed as full");
}

TEST(SimulatorTest, NoticesAPolicyThatLeavesRealtimeRequestsWaiting) {
  const std::string says = objection_to([](const Policy& policy, const QueueView& view,
                                           TimePoint now) -> Decision {
    QueueView distracted = view;
    distracted.bypass_idle = true;
    return decide(policy, distracted, now);
  });
  EXPECT_MENTIONS(says, "a realtime request waits");
}

TEST(SimulatorTest, NoticesThatNothingAges) {
  const std::string says =
      objection<RealScheduler>(&overloaded_case, [](BatcherOptions& options) {
        options.policy.priority_ageing = hours(1);
      });
  EXPECT_MENTIONS(says, "took the turn of");
  EXPECT_MENTIONS(says, "starves: ");
}

class LosesRequests : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Decision ask(Batch& batch, LaneKind kind, TimePoint now) override {
    const Decision decision = RealScheduler::ask(batch, kind, now);
    if (batch.requests.size() > 4) batch.requests.resize(4);
    return decision;
  }
};

class AnswersTwice : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Decision ask(Batch& batch, LaneKind kind, TimePoint now) override {
    const Decision decision = RealScheduler::ask(batch, kind, now);
    if (batch.requests.size() > 4) {
      batch.requests[1]->sequence = batch.requests[0]->sequence;
    }
    return decision;
  }
};

class TurnsBatchesRound : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Decision ask(Batch& batch, LaneKind kind, TimePoint now) override {
    const Decision decision = RealScheduler::ask(batch, kind, now);
    std::reverse(batch.requests.begin(), batch.requests.end());
    return decision;
  }
};

class RunsTheCancelled : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Pushed submit(std::unique_ptr<Request>& request, TimePoint now) override {
    request->cancelled = nullptr;
    return RealScheduler::submit(request, now);
  }
};

class ForgetsDeadlines : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Pushed submit(std::unique_ptr<Request>& request, TimePoint now) override {
    request->deadline.reset();
    return RealScheduler::submit(request, now);
  }
};

// As late as can be without a request being late when it reaches a lane.
class HidesMisses : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Decision ask(Batch& batch, LaneKind kind, TimePoint now) override {
    const Decision decision = RealScheduler::ask(batch, kind, now);
    for (auto& request : batch.requests) request->deadline.reset();
    return decision;
  }
};

class DropsTooEarly : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Pushed submit(std::unique_ptr<Request>& request, TimePoint now) override {
    if (request->deadline) *request->deadline -= milliseconds(5);
    return RealScheduler::submit(request, now);
  }
};

class WakesNobody : public RealScheduler {
 public:
  using RealScheduler::RealScheduler;
  Wake wake() const override { return {}; }
};

TEST(SimulatorTest, NoticesALostRequest) {
  EXPECT_MENTIONS(objection<LosesRequests>(&busy_case), "was answered 0 times");
}

TEST(SimulatorTest, NoticesARequestThatIsAnsweredTwice) {
  EXPECT_MENTIONS(objection<AnswersTwice>(&busy_case), "was not in it");
}

TEST(SimulatorTest, NoticesThatOrderIsNotKept) {
  const std::string says = objection<TurnsBatchesRound>(&busy_case);
  EXPECT_TRUE(says.find("overtakes") != std::string::npos ||
              says.find("took the turn") != std::string::npos)
      << says;
}

TEST(SimulatorTest, NoticesACancelledRequestOnALane) {
  EXPECT_MENTIONS(objection<RunsTheCancelled>(&busy_case), "was cancelled and reached a lane");
}

TEST(SimulatorTest, NoticesAnExpiredRequestOnALane) {
  EXPECT_MENTIONS(objection<ForgetsDeadlines>(&tight_case), "had expired and reached a lane");
}

TEST(SimulatorTest, NoticesHiddenDeadlineMisses) {
  EXPECT_MENTIONS(objection<HidesMisses>(&tight_case), "misses are hidden");
}

TEST(SimulatorTest, NoticesARequestDroppedBeforeItsDeadline) {
  EXPECT_MENTIONS(objection<DropsTooEarly>(&tight_case), "dropped before its deadline");
}

TEST(SimulatorTest, NoticesThatNobodyIsWoken) {
  EXPECT_MENTIONS(objection<WakesNobody>(&busy_case), "a lane is idle");
}

}  // namespace
}  // namespace shoal
