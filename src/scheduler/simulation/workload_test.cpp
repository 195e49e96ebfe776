// Goal: workloads are what their options say, the same from the same seed, and a request log comes
// back as it was. Method: direct cases.
#include "scheduler/simulation/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(WorkloadTest, TheSameSeedGivesTheSameArrivalsAndAnotherOneOthers) {
  const Workload one = make_workload({.seed = 7});
  const Workload same = make_workload({.seed = 7});
  const Workload other = make_workload({.seed = 8});
  ASSERT_EQ(one.size(), same.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    ASSERT_EQ(one[i].at, same[i].at);
    ASSERT_EQ(one[i].source, same[i].source);
  }
  EXPECT_NE(one.back().at, other.back().at);
}

TEST(WorkloadTest, EveryPatternIsInOrderAndHasTheRateThatItWasGiven) {
  for (std::size_t i = 0; i < kPatternCount; ++i) {
    const auto pattern = static_cast<Pattern>(i);
    SCOPED_TRACE(to_string(pattern));
    const Workload workload =
        make_workload({.seed = 3, .pattern = pattern, .count = 20'000, .rate = 200,
                       .bucket_count = 3, .realtime = 0.1, .high = 0.2, .low = 0.3});
    EXPECT_TRUE(std::is_sorted(workload.begin(), workload.end(),
                               [](const Arrival& a, const Arrival& b) { return a.at < b.at; }));
    EXPECT_NEAR(to_milliseconds(workload.back().at) / 1000, 100, 8);
    const auto share = [&](Priority priority) {
      return static_cast<double>(std::count_if(
                 workload.begin(), workload.end(),
                 [&](const Arrival& one) { return one.priority == priority; })) /
             static_cast<double>(workload.size());
    };
    EXPECT_NEAR(share(Priority::kRealtime), 0.1, 0.01);
    EXPECT_NEAR(share(Priority::kHigh), 0.2, 0.01);
    EXPECT_NEAR(share(Priority::kNormal), 0.4, 0.015);
    EXPECT_NEAR(share(Priority::kLow), 0.3, 0.015);
  }
}

TEST(WorkloadTest, SteadyArrivalsAreEvenAndBurstsComeAtOnce) {
  const Workload steady = make_workload({.pattern = Pattern::kSteady, .count = 10, .rate = 100});
  for (std::size_t i = 1; i < steady.size(); ++i) {
    EXPECT_NEAR(to_milliseconds(steady[i].at - steady[i - 1].at), 10, 1e-3);
  }
  const Workload bursts =
      make_workload({.pattern = Pattern::kBursts, .count = 160, .burst = 16});
  std::set<Duration> times;
  for (const Arrival& one : bursts) times.insert(one.at);
  EXPECT_EQ(times.size(), 10U);
}

TEST(WorkloadTest, AFloodComesFromASourceOfItsOwnOnTopOfTheOthers) {
  const Workload flood = make_workload(
      {.pattern = Pattern::kFlood, .count = 100, .burst = 30, .source_count = 4});
  EXPECT_EQ(flood.size(), 400U);
  EXPECT_EQ(std::count_if(flood.begin(), flood.end(),
                          [](const Arrival& one) { return one.source == 4; }),
            300);
}

TEST(WorkloadTest, ARequestLogIsReplayedInTheOrderOfItsTimes) {
  const auto read = replay(
      R"({"ts":"2026-03-01T00:00:01.500000Z","source":"10.0.0.7","camera":null,)"
      R"("bucket":"640x640","priority":"high"})" "\n"
      R"({"ts":"2026-02-28T23:59:59.250000Z","source":"rtsp://a","camera":"line-1",)"
      R"("bucket":"640x384","priority":"realtime"})" "\n\n"
      R"({"ts":"2026-03-01T00:00:00Z","source":"10.0.0.7","camera":null,"bucket":null,)"
      R"("priority":"normal"})" "\n");
  ASSERT_TRUE(read) << read.error().message;
  const Workload& workload = read->workload;
  ASSERT_EQ(workload.size(), 3U);
  EXPECT_EQ(workload[0].at, Duration::zero());
  EXPECT_EQ(workload[1].at, Duration(milliseconds(750)));
  EXPECT_EQ(workload[2].at, Duration(milliseconds(2250)));
  EXPECT_EQ(workload[0].priority, Priority::kRealtime);
  EXPECT_EQ(workload[2].priority, Priority::kHigh);
  EXPECT_EQ(workload[1].source, workload[2].source);
  EXPECT_NE(workload[0].source, workload[1].source);
  EXPECT_EQ(read->buckets, (std::vector<std::string>{"640x640", "640x384"}));
  EXPECT_EQ(workload[0].bucket, 1U);
  EXPECT_EQ(workload[1].bucket, 0U);
  EXPECT_EQ(read->sources, (std::vector<std::string>{"10.0.0.7", "line-1"}));
}

TEST(WorkloadTest, ALineThatIsNoRequestIsNamed) {
  for (const char* bad : {"{\"ts\":1}\nnonsense\n", "{\"ts\":1}\n{\"bucket\":\"1x1\"}\n",
                          "{\"ts\":1}\n{\"ts\":\"yesterday\"}\n", "{\"ts\":1}\n[1]"}) {
    const auto read = replay(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, ErrorCode::kCorruptInput);
    EXPECT_NE(read.error().message.find("line 2"), std::string::npos) << read.error().message;
  }
}

}  // namespace
}  // namespace shoal
