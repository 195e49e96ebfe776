// Goal: frames of cameras that want to be seen together go together, none waits longer than it was
// told to, and a camera that is away holds nobody up. Method: the window with a clock of the
// test's; then slots in front of real lanes with a fake engine.
#include "pipeline/frame_aligner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <memory>

#include "pipeline/fake_engine_for_test.h"
#include "pipeline/frame_slot.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using Numbers = std::vector<std::uint64_t>;

constexpr TimePoint kStart{std::chrono::hours(1)};

Numbers taken(AlignWindow& window) {
  Numbers numbers;
  window.take(numbers);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

TEST(AlignWindowTest, NothingIsDueWhereNobodyWaits) {
  AlignWindow window;
  window.add(1, milliseconds(20));
  EXPECT_EQ(window.due(kStart), std::nullopt);
}

TEST(AlignWindowTest, AllThatAreThereGoAtOnce) {
  AlignWindow window;
  window.add(1, milliseconds(20));
  window.add(2, milliseconds(20));
  window.ready(1, kStart);
  window.ready(2, kStart + milliseconds(5));
  EXPECT_EQ(window.due(kStart + milliseconds(5)), kStart + milliseconds(5));
  EXPECT_EQ(taken(window), (Numbers{1, 2}));
  EXPECT_EQ(window.due(kStart + milliseconds(6)), std::nullopt);
}

TEST(AlignWindowTest, TheFirstWaitsForTheOthersAndNotLongerThanItsWindow) {
  AlignWindow window;
  window.add(1, milliseconds(20));
  window.add(2, milliseconds(50));
  window.ready(1, kStart);
  window.ready(2, kStart);
  (void)taken(window);  // both are alive now
  window.ready(2, kStart + milliseconds(100));
  EXPECT_EQ(window.due(kStart + milliseconds(100)), kStart + milliseconds(150));
  window.ready(2, kStart + milliseconds(140));
  EXPECT_EQ(window.due(kStart + milliseconds(140)), kStart + milliseconds(150))
      << "newer frames do not start it again";
  EXPECT_EQ(taken(window), Numbers{2});
}

TEST(AlignWindowTest, ACameraThatIsAwayHoldsNobodyUp) {
  AlignWindow window;
  window.add(1, milliseconds(20));
  window.add(2, milliseconds(20));
  window.ready(1, kStart);
  window.ready(2, kStart);
  (void)taken(window);
  const TimePoint later = kStart + AlignWindow::kAlive + milliseconds(1);
  window.ready(1, later);
  EXPECT_EQ(window.due(later), later);
}

TEST(AlignWindowTest, WhoIsRemovedIsNotWaitedFor) {
  AlignWindow window;
  window.add(1, milliseconds(20));
  window.add(2, milliseconds(20));
  window.ready(1, kStart);
  window.ready(2, kStart);
  (void)taken(window);
  window.ready(1, kStart + milliseconds(40));
  window.remove(2);
  EXPECT_EQ(window.due(kStart + milliseconds(40)), kStart + milliseconds(40));
}

class Runner final : public CallRunner {
 public:
  void launch(std::unique_ptr<Request>) override {}
  void record(const Request&, const CallOptions&, TimePoint) override {}
  RequestPool& requests() override { return pool; }
  void finished(SourceKey, std::size_t) override {}
  bool enter() override { return true; }
  void left() override {}
  RequestPool pool{8, 16};
};

TEST(FrameAlignerTest, AlignedFramesShareABatchThoughLanesAreIdle) {
  constexpr int kCameras = 4;
  const auto lanes =
      *LanePool::create(std::make_unique<FakeEngine>(FakeEngineOptions{.lanes = 2}), {});
  Runner runner;
  FrameAligner aligner;
  CameraCounters counters;
  std::mutex mutex;
  std::condition_variable woken;
  std::vector<std::unique_ptr<FrameSlot>> slots;
  for (int i = 0; i < kCameras; ++i) {
    slots.push_back(std::make_unique<FrameSlot>(
        FrameSlotOptions{.aligner = &aligner, .align = milliseconds(800)}, counters, [&] {
          const std::lock_guard lock(mutex);
          woken.notify_all();
        }));
    ASSERT_EQ(slots.back()->client_count(), 1U);
    std::vector<std::unique_ptr<HostFeed>> feeds;
    feeds.push_back(std::make_unique<HostFeed>(
        runner, *lanes, slots.back()->client(0),
        FeedOptions{.source = camera_source(static_cast<std::uint64_t>(i + 1))},
        runner.pool.acquire()));
    slots.back()->set_feeds(std::move(feeds));
  }
  // The first round makes them known to each other.
  for (int round = 0; round < 20; ++round) {
    for (auto& slot : slots) {
      CameraFrame frame;
      const Size size{80, 60};
      const auto bytes = static_cast<std::size_t>(size.width * size.height * 3);
      std::fill_n(frame.pixels.pixels.reserve(bytes), bytes, std::uint8_t{1});
      frame.pixels.size = frame.pixels.source_size = size;
      frame.pixels.pitch_bytes = size.width * 3;
      frame.captured = frame.decode_begun = frame.ready = Clock::now();
      ASSERT_TRUE(slot->put(frame));
    }
    for (auto& slot : slots) {
      FinishedFrame finished;
      FrameSlot::Taken got = FrameSlot::Taken::kNothing;
      std::unique_lock lock(mutex);
      for (int tries = 0; got != FrameSlot::Taken::kFrame && tries < 500; ++tries) {
        lock.unlock();
        got = slot->take(finished);
        lock.lock();
        if (got != FrameSlot::Taken::kFrame) woken.wait_for(lock, milliseconds(10));
      }
      ASSERT_EQ(got, FrameSlot::Taken::kFrame);
      if (round > 0) {
        EXPECT_EQ(finished.batch_size, kCameras) << "round " << round;
      }
    }
  }
  slots.clear();
}

}  // namespace
}  // namespace shoal
