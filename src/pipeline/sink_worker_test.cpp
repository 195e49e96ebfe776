// Goal: a slow or absent sink delays nobody, holds nothing it need not, and gets every alarm.
// Method: a sink that the test opens and shuts; nothing waits for a time, only for what it makes.
#include "pipeline/sink_worker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>

#include "core/counted_allocations.h"
#include "sink/alarm_for_test.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;
constexpr auto kLong = 30s;  // only a defect waits so long

// Shut, it waits in write(); away, it says kUnavailable.
struct Door {
  std::mutex mutex;
  std::condition_variable changed;
  bool shut = false;
  bool inside = false;
  bool away = false;
  std::string refused;  // id of an alarm that it never takes
  std::vector<std::uint64_t> frames;
  std::vector<std::string> alarms;
  int attempts = 0;
  int ticks = 0;
  int finished = 0;
  std::size_t pixels_seen = 0;

  template <typename Condition>
  [[nodiscard]] bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kLong, condition);
  }
  void set(const std::function<void()>& change) {
    const std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
};

class DoorSink final : public CameraSink {
 public:
  DoorSink(Door& door, bool pixels, bool results = true)
      : door_(door), pixels_(pixels), results_(results) {}
  std::string name() const override { return "door"; }
  bool wants_pixels() const override { return pixels_; }
  bool wants_results() const override { return results_; }
  Result<void> write(const CameraResult& result) override {
    std::unique_lock lock(door_.mutex);
    SHOAL_TRY(enter(lock));
    door_.pixels_seen = result.outcome.pixels.pixels.capacity();
    door_.frames.push_back(result.frame);
    door_.changed.notify_all();
    return {};
  }
  Result<void> write(const Alarm& alarm) override {
    std::unique_lock lock(door_.mutex);
    ++door_.attempts;
    SHOAL_TRY(enter(lock));
    if (alarm.id == door_.refused) return Error{ErrorCode::kInvalidArgument, "never"};
    door_.alarms.push_back(alarm.id);
    return {};
  }
  void tick(TimePoint) override {
    door_.set([this] { ++door_.ticks; });
  }
  Result<void> finish() override {
    door_.set([this] { ++door_.finished; });
    return Error{ErrorCode::kUnavailable, "said by finish"};
  }
  std::string written() const override { return "much"; }

 private:
  Result<void> enter(std::unique_lock<std::mutex>& lock) {
    door_.inside = true;
    door_.changed.notify_all();
    door_.changed.wait(lock, [this] { return !door_.shut; });
    door_.inside = false;
    door_.changed.notify_all();
    if (door_.away) return Error{ErrorCode::kUnavailable, "away"};
    return {};
  }
  Door& door_;
  const bool pixels_;
  const bool results_;
};

class SinkWorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("worker_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<AlarmSpool> open_spool() const {
    auto spool = AlarmSpool::open(folder_.string(), {});
    EXPECT_TRUE(spool);
    return std::move(*spool);
  }
  std::unique_ptr<SinkWorker> worker(SinkWorkerOptions options, AlarmSpool* spool = nullptr,
                                     bool pixels = false, bool results = true) {
    options.name = "door";
    options.uses_spool = spool != nullptr;
    options.retry = {.min = 1ms, .max = 20ms};
    return std::make_unique<SinkWorker>(std::make_unique<DoorSink>(door_, pixels, results),
                                        std::move(options), spool);
  }
  // Its lease is the only one when this returns.
  CameraResultLease result(std::uint64_t frame) {
    CameraResultLease lease = pool_.try_acquire();
    EXPECT_TRUE(lease);
    fill_result_for_test(lease.write(), frame);
    EXPECT_NE(lease.write().outcome.pixels.pixels.reserve(1000), nullptr);
    return lease;
  }
  static std::vector<std::string> ids(std::uint64_t first, std::uint64_t last) {
    std::vector<std::string> all;
    for (std::uint64_t i = first; i <= last; ++i) all.push_back(alarm_for_test(i).id);
    return all;
  }

  Door door_;
  CameraResultPool pool_{8};
  std::filesystem::path folder_;
};

TEST_F(SinkWorkerTest, ASinkThatIsStuckCostsTheOldestResultsAndNobodyWaits) {
  door_.shut = true;
  const auto sink = worker({.queue_limit = 4});
  sink->offer(result(0));
  ASSERT_TRUE(door_.wait([&] { return door_.inside; }));
  for (std::uint64_t i = 1; i <= 10; ++i) sink->offer(result(i));
  EXPECT_EQ(sink->counts().queue_full, 6U);
  EXPECT_EQ(sink->status().waiting, 4U);
  door_.set([&] { door_.shut = false; });
  ASSERT_TRUE(door_.wait([&] { return door_.frames.size() == 5; }));
  EXPECT_EQ(door_.frames, (std::vector<std::uint64_t>{0, 7, 8, 9, 10}));
  EXPECT_FALSE(sink->close(kLong));
  const SinkWorkerCounts counts = sink->counts();
  EXPECT_EQ(counts.written, 5U);
  EXPECT_EQ(counts.written + counts.queue_full, 11U);
  EXPECT_EQ(sink->status().dropped, 6U);
}

TEST_F(SinkWorkerTest, WithoutPixelsItHoldsNoLeaseHoweverSlowTheSinkIs) {
  door_.shut = true;
  const auto sink = worker({.queue_limit = 100});
  for (std::uint64_t i = 0; i < 50; ++i) sink->offer(result(i));
  EXPECT_EQ(pool_.free_count(), pool_.size());
  EXPECT_EQ(sink->leases_max(), 0U);
  door_.set([&] { door_.shut = false; });
  ASSERT_TRUE(door_.wait([&] { return door_.frames.size() == 50; }));
  EXPECT_EQ(door_.pixels_seen, 0U);
}

TEST_F(SinkWorkerTest, WithPixelsItHoldsNoMoreLeasesThanItSays) {
  door_.shut = true;
  const auto sink = worker({.queue_limit = 100, .pixel_queue_limit = 3}, nullptr, true);
  EXPECT_EQ(sink->leases_max(), 4U);
  for (std::uint64_t i = 0; i < 50; ++i) {
    sink->offer(result(i));
    EXPECT_LE(pool_.size() - pool_.free_count(), sink->leases_max());
  }
  door_.set([&] { door_.shut = false; });
  ASSERT_TRUE(door_.wait([&] { return !door_.frames.empty() && door_.frames.back() == 49; }));
  EXPECT_GE(door_.pixels_seen, 1000U);
  (void)sink->close(kLong);
  EXPECT_EQ(pool_.free_count(), pool_.size());
}

TEST_F(SinkWorkerTest, TheSinkSeesEveryFieldButThePixels) {
  class Keeper final : public CameraSink {
   public:
    explicit Keeper(CameraResult& kept) : kept_(kept) {}
    std::string name() const override { return "keeper"; }
    Result<void> write(const CameraResult& result) override {
      kept_.camera = result.camera;
      kept_.frame = result.frame;
      kept_.tracks = result.tracks;
      kept_.track_events = result.track_events;
      kept_.zone_events = result.zone_events;
      kept_.crossings = result.crossings;
      kept_.zone_counts = result.zone_counts;
      kept_.line_counts = result.line_counts;
      kept_.outcome.source = result.outcome.source;
      kept_.outcome.error = result.outcome.error;
      kept_.outcome.damaged = result.outcome.damaged;
      kept_.outcome.detections = result.outcome.detections;
      kept_.outcome.size = result.outcome.size;
      return {};
    }
    Result<void> write(const Alarm&) override { return {}; }
    Result<void> finish() override { return {}; }
    std::string written() const override { return ""; }

   private:
    CameraResult& kept_;
  };
  CameraResult kept;
  SinkWorker sink(std::make_unique<Keeper>(kept), {.name = "keeper"}, nullptr);
  for (std::uint64_t frame = 1; frame <= 2; ++frame) {  // the second in a copy that was used
    CameraResultLease given = result(frame);
    given.write().outcome.damaged = frame == 1 ? std::optional<std::string>("why") : std::nullopt;
    sink.offer(given);
  }
  ASSERT_TRUE(sink.close(kLong));
  EXPECT_EQ(kept.camera->name, "line-1");
  EXPECT_EQ(kept.frame, 2U);
  EXPECT_EQ(kept.tracks.size(), 1U);
  EXPECT_EQ(kept.track_events.size(), 1U);
  EXPECT_EQ(kept.zone_events.size(), 1U);
  EXPECT_EQ(kept.crossings.size(), 1U);
  EXPECT_EQ(kept.zone_counts, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_EQ(kept.line_counts.at(0).forward, 12U);
  EXPECT_EQ(kept.outcome.source, "line-1");
  EXPECT_FALSE(kept.outcome.damaged);
  EXPECT_EQ(kept.outcome.detections.items.size(), 1U);
  EXPECT_EQ(kept.outcome.size, (Size{1280, 720}));
}

TEST_F(SinkWorkerTest, OfferAllocatesNothingOnceItsBuffersHaveGrown) {
  door_.shut = true;
  const auto sink = worker({.queue_limit = 4});
  const CameraResultLease given = result(1);
  sink->offer(given);
  ASSERT_TRUE(door_.wait([&] { return door_.inside; }));
  for (int i = 0; i < 20; ++i) sink->offer(given);  // each copy has been filled
  const auto before = counted_allocations();
  for (int i = 0; i < 100; ++i) sink->offer(given);
  EXPECT_EQ(counted_allocations() - before, 0U);
  door_.set([&] { door_.shut = false; });
}

TEST_F(SinkWorkerTest, OnlyItsCamerasAreTaken) {
  const auto sink = worker({.cameras = {"line-2"}});
  EXPECT_TRUE(sink->takes("line-2"));
  EXPECT_FALSE(sink->takes("line-1"));
  sink->offer(result(1));
  sink->offer(std::make_shared<const Alarm>(alarm_for_test(1)));
  (void)sink->close(kLong);
  EXPECT_TRUE(door_.frames.empty());
  EXPECT_TRUE(door_.alarms.empty());
  EXPECT_EQ(sink->status().dropped, 0U);
}

TEST_F(SinkWorkerTest, AResultThatCannotBeWrittenIsLostCountedAndSaid) {
  door_.away = true;
  const auto sink = worker({});
  sink->offer(result(1));
  ASSERT_TRUE(door_.wait([&] { return door_.ticks > 0; }));
  while (sink->counts().unwritable == 0) std::this_thread::yield();
  EXPECT_EQ(sink->status().error, "away");
  door_.set([&] { door_.away = false; });
  sink->offer(result(2));
  ASSERT_TRUE(door_.wait([&] { return door_.frames == std::vector<std::uint64_t>{2}; }));
  (void)sink->close(kLong);
  EXPECT_EQ(sink->status().error, "");
  EXPECT_EQ(sink->status().dropped, 1U);
}

TEST_F(SinkWorkerTest, AlarmsOfTheSpoolArriveInOrderAlsoThoseOfAnEarlierRun) {
  const auto spool = open_spool();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(spool->append(alarm_for_test(i), Names{"door", "other"}));
  }
  const auto sink = worker({}, spool.get());
  ASSERT_TRUE(door_.wait([&] { return door_.alarms.size() == 3; }));
  ASSERT_TRUE(spool->append(alarm_for_test(4), Names{"door"}));
  sink->notify_alarm();
  ASSERT_TRUE(door_.wait([&] { return door_.alarms.size() == 4; }));
  EXPECT_EQ(door_.alarms, ids(1, 4));
  (void)sink->close(kLong);
  EXPECT_EQ(spool->waiting("door"), 0U);
  EXPECT_EQ(spool->waiting("other"), 3U);
  EXPECT_EQ(sink->counts().alarms_delivered, 4U);
}

TEST_F(SinkWorkerTest, AnAlarmIsTriedUntilTheSinkIsBack) {
  const auto spool = open_spool();
  door_.away = true;
  const auto sink = worker({}, spool.get());
  for (std::uint64_t i = 1; i <= 2; ++i) {
    ASSERT_TRUE(spool->append(alarm_for_test(i), Names{"door"}));
    sink->notify_alarm();
  }
  ASSERT_TRUE(door_.wait([&] { return door_.attempts >= 4; }));
  EXPECT_EQ(sink->status().spooled, 2U);
  EXPECT_EQ(sink->status().error, "away");
  door_.set([&] { door_.away = false; });
  ASSERT_TRUE(door_.wait([&] { return door_.alarms.size() == 2; }));
  EXPECT_EQ(door_.alarms, ids(1, 2));
  (void)sink->close(kLong);
  EXPECT_GE(sink->counts().alarm_retries, 4U);
  EXPECT_EQ(sink->status().error, "");
}

TEST_F(SinkWorkerTest, AnAlarmThatIsRefusedDoesNotHoldUpTheNext) {
  const auto spool = open_spool();
  door_.refused = alarm_for_test(1).id;
  ASSERT_TRUE(spool->append(alarm_for_test(1), Names{"door"}));
  ASSERT_TRUE(spool->append(alarm_for_test(2), Names{"door"}));
  testing::internal::CaptureStderr();
  const auto sink = worker({}, spool.get());
  ASSERT_TRUE(door_.wait([&] { return door_.alarms.size() == 1; }));
  (void)sink->close(kLong);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(door_.refused), std::string::npos);
  EXPECT_EQ(door_.alarms, ids(2, 2));
  EXPECT_EQ(sink->counts().alarms_refused, 1U);
  EXPECT_EQ(spool->counts().waiting, 0U);
}

TEST_F(SinkWorkerTest, ALocalSinkGetsAlarmsToo) {
  door_.away = true;
  const auto sink = worker({.alarms_max = 3}, nullptr, false, false);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    sink->offer(std::make_shared<const Alarm>(alarm_for_test(i)));
  }
  sink->offer(result(1));  // wants none
  EXPECT_EQ(sink->counts().alarms_dropped, 2U);
  EXPECT_EQ(sink->status().spooled, 3U);
  ASSERT_TRUE(door_.wait([&] { return door_.attempts >= 2; }));
  door_.set([&] { door_.away = false; });
  ASSERT_TRUE(door_.wait([&] { return door_.alarms.size() == 3; }));
  EXPECT_EQ(door_.alarms, ids(3, 5));
  (void)sink->close(kLong);
  EXPECT_TRUE(door_.frames.empty());
}

TEST_F(SinkWorkerTest, ItTicksWhileNothingComes) {
  const auto sink = worker({});
  ASSERT_TRUE(door_.wait([&] { return door_.ticks >= 2; }));
  EXPECT_EQ(sink->status().written, "much");
}

TEST_F(SinkWorkerTest, CloseWritesWhatWaitsAndSaysWhatFinishSaid) {
  door_.shut = true;
  const auto spool = open_spool();
  const auto sink = worker({}, spool.get());
  for (std::uint64_t i = 1; i <= 5; ++i) sink->offer(result(i));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(spool->append(alarm_for_test(i), Names{"door"}));
  }
  door_.set([&] { door_.shut = false; });
  const Result<void> closed = sink->close(kLong);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().message, "said by finish");
  EXPECT_EQ(door_.frames.size(), 5U);
  EXPECT_EQ(door_.alarms, ids(1, 3));
  EXPECT_FALSE(sink->close(0s));
  EXPECT_EQ(door_.finished, 1);
  sink->offer(result(6));
  EXPECT_EQ(sink->counts().closed, 1U);
}

TEST_F(SinkWorkerTest, CloseWithoutPatienceDropsResultsAndLeavesAlarmsInTheSpool) {
  door_.shut = true;
  const auto spool = open_spool();
  const auto sink = worker({}, spool.get());
  for (std::uint64_t i = 0; i < 5; ++i) sink->offer(result(i));
  ASSERT_TRUE(door_.wait([&] { return door_.inside; }));
  ASSERT_TRUE(spool->append(alarm_for_test(1), Names{"door"}));
  sink->notify_alarm();
  std::thread opens([&] {
    while (spool->waiting("door") == 0) std::this_thread::yield();
    door_.set([&] { door_.shut = false; });
  });
  (void)sink->close(0s);
  opens.join();
  const SinkWorkerCounts counts = sink->counts();
  EXPECT_EQ(counts.written + counts.closed, 5U);
  EXPECT_GE(counts.written, 1U);
  EXPECT_EQ(spool->waiting("door") + counts.alarms_delivered, 1U);
}

TEST_F(SinkWorkerTest, CloseDoesNotWaitForASinkThatIsAway) {
  door_.away = true;
  const auto spool = open_spool();
  ASSERT_TRUE(spool->append(alarm_for_test(1), Names{"door"}));
  {
    const auto sink = worker({}, spool.get());
    ASSERT_TRUE(door_.wait([&] { return door_.attempts >= 1; }));
    (void)sink->close(std::chrono::hours(24));
  }
  EXPECT_EQ(spool->waiting("door"), 1U);
}

}  // namespace
}  // namespace shoal
