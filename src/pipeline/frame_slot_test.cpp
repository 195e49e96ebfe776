// Goal: a camera's frames reach the lanes as the newest there is, each answer comes back to its own
// frame, in order, and nothing is allocated a frame. Method: real lanes with a fake engine that
// reads the class from the pixels; lanes are held up by a gate to force the cases.
#include "pipeline/frame_slot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "core/counted_allocations.h"
#include "pipeline/fake_engine_for_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

// What a feed needs of a host.
class Runner final : public CallRunner {
 public:
  void launch(std::unique_ptr<Request> /*request*/) override {}
  void record(const Request& request, const CallOptions& options, TimePoint) override {
    EXPECT_EQ(options.door, "camera");
    EXPECT_NE(request.started, TimePoint{});  // before the clock began, where it began lately
    ++recorded;
  }
  RequestPool& requests() override { return pool; }
  void finished(SourceKey, std::size_t) override {}
  bool enter() override { return open; }
  void left() override { ++rounds; }

  RequestPool pool{8, 16};
  std::atomic<bool> open = true;
  std::atomic<int> recorded = 0;
  std::atomic<int> rounds = 0;
};

class FrameSlotTest : public testing::Test {
 protected:
  FrameSlotTest()
      : lanes_(*LanePool::create(std::make_unique<FakeEngine>(FakeEngineOptions{}), {})) {}
  ~FrameSlotTest() override { slot_.reset(); }

  void make(FrameSlotOptions options) {
    slot_ = std::make_unique<FrameSlot>(options, counters_, [this] {
      const std::lock_guard lock(mutex_);
      ++wakes_;
      woken_.notify_all();
    });
  }
  void connect() {
    std::vector<std::unique_ptr<HostFeed>> feeds;
    for (std::size_t i = 0; i < slot_->client_count(); ++i) {
      feeds.push_back(std::make_unique<HostFeed>(runner_, *lanes_, slot_->client(i),
                                                 FeedOptions{.source = camera_source(1)},
                                                 runner_.pool.acquire()));
    }
    slot_->set_feeds(std::move(feeds));
  }
  // A frame whose pixels all have the level of its number.
  void put(std::uint64_t number, Duration age = {}) {
    fill(number, age);
    EXPECT_TRUE(slot_->put(work_));
  }
  void fill(std::uint64_t number, Duration age) {
    const Size size{80, 60};
    const auto bytes = static_cast<std::size_t>(size.width * size.height * 3);
    std::fill_n(work_.pixels.pixels.reserve(bytes), bytes, static_cast<std::uint8_t>(number % 251));
    work_.pixels.size = work_.pixels.source_size = size;
    work_.pixels.pitch_bytes = size.width * 3;
    work_.number = number;
    work_.captured = work_.decode_begun = work_.ready = Clock::now() - age;
  }
  // Waits for the next of the lanes' answers.
  bool take(FinishedFrame& frame) {
    std::unique_lock lock(mutex_);
    for (int i = 0; i < 500; ++i) {
      lock.unlock();
      const auto taken = slot_->take(frame);
      lock.lock();
      if (taken == FrameSlot::Taken::kFrame) return true;
      woken_.wait_for(lock, milliseconds(10));
    }
    return false;
  }
  std::uint64_t dropped(FrameDrop reason) {
    CameraStatus status;
    counters_.fill(status, Clock::now());
    return status.dropped[static_cast<std::size_t>(reason)];
  }
  static void expect_own_answer(const FinishedFrame& frame) {
    ASSERT_EQ(frame.kind, FinishedKind::kInferred);
    ASSERT_EQ(frame.detections.items.size(), 1U);
    EXPECT_EQ(frame.detections.items[0].class_id, static_cast<int>(frame.frame.number % 251));
    EXPECT_EQ(frame.frame.pixels.pixels.data()[0], frame.frame.number % 251);
  }

  Runner runner_;
  std::unique_ptr<LanePool> lanes_;
  CameraCounters counters_;
  std::unique_ptr<FrameSlot> slot_;
  CameraFrame work_;
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
};

TEST_F(FrameSlotTest, EveryAnswerComesBackWithItsOwnFrame) {
  make({.live = false});
  connect();
  FinishedFrame frame;
  std::thread reader([this] {
    for (std::uint64_t i = 0; i < 2000; ++i) put(i);
  });
  for (std::uint64_t i = 0; i < 2000; ++i) {
    ASSERT_TRUE(take(frame));
    EXPECT_EQ(frame.frame.number, i) << "in order, none lost";
    expect_own_answer(frame);
  }
  reader.join();
  EXPECT_EQ(runner_.recorded, 2000);
}

TEST_F(FrameSlotTest, NewerFramesTakeThePlaceOfOnesThatWait) {
  make({.live = true});
  for (std::uint64_t i = 0; i < 10; ++i) put(i);  // no feed yet: all wait
  connect();
  FinishedFrame frame;
  ASSERT_TRUE(take(frame));
  EXPECT_EQ(frame.frame.number, 9U);
  expect_own_answer(frame);
  EXPECT_EQ(dropped(FrameDrop::kNewer), 9U);
}

TEST_F(FrameSlotTest, AFrameThatGrewOldIsNotGivenToALaneWhereThereAreNewerOnes) {
  make({.live = true, .age_max = std::chrono::hours(1)});
  connect();
  put(1);
  FinishedFrame frame;
  ASSERT_TRUE(take(frame));
  put(2, std::chrono::hours(2));
  for (int i = 0; i < 500 && dropped(FrameDrop::kStale) == 0; ++i) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, milliseconds(10));
  }
  EXPECT_EQ(dropped(FrameDrop::kStale), 1U);
  put(3);
  ASSERT_TRUE(take(frame));
  EXPECT_EQ(frame.frame.number, 3U);
}

TEST_F(FrameSlotTest, WhereAllFramesComeLateOneIsAnalysedAllTheSame) {
  make({.live = true, .age_max = std::chrono::hours(1)});
  connect();
  put(1, std::chrono::hours(2));
  FinishedFrame frame;
  ASSERT_TRUE(take(frame));
  EXPECT_EQ(frame.frame.number, 1U);
}

TEST_F(FrameSlotTest, ResultsThatNobodyTakesHoldFramesBack) {
  make({.live = true});
  connect();
  for (std::uint64_t i = 0; i < 200; ++i) {
    put(i);
    std::this_thread::yield();
  }
  EXPECT_LE(runner_.recorded, 2) << "two results wait, a third is not begun";
  FinishedFrame frame;
  ASSERT_TRUE(take(frame));
  expect_own_answer(frame);
}

TEST_F(FrameSlotTest, OfAFileTwoFramesAreInFlight) {
  make({.live = false});
  connect();
  std::thread reader([this] {
    for (std::uint64_t i = 0; i < 4; ++i) put(i);  // the fourth stays with the reader
  });
  FinishedFrame frame;
  reader.join();
  for (int i = 0; i < 500 && runner_.recorded < 3; ++i) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, milliseconds(10));
  }
  EXPECT_EQ(runner_.recorded, 3) << "results that nobody takes hold the fourth back";
  for (std::uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(take(frame));
    EXPECT_EQ(frame.frame.number, i);
    expect_own_answer(frame);
  }
}

TEST_F(FrameSlotTest, ALostStreamIsToldAfterWhatIsOnItsWay) {
  make({.live = true});
  connect();
  put(1);
  slot_->lost();
  FinishedFrame frame;
  bool seen = false;
  for (int i = 0; i < 500; ++i) {
    const auto taken = slot_->take(frame);
    if (taken == FrameSlot::Taken::kFrame) seen = true;
    if (taken == FrameSlot::Taken::kLost) break;
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, milliseconds(10));
  }
  EXPECT_EQ(slot_->take(frame), FrameSlot::Taken::kNothing) << "told once";
  // A frame that no lane had yet goes with the stream; one that was in a lane comes first.
  EXPECT_EQ(seen ? 0U : 1U, dropped(FrameDrop::kStale));
}

TEST_F(FrameSlotTest, SkippedFramesAreCarriedInOrder) {
  make({.live = true});
  connect();
  put(1);
  FinishedFrame frame;
  ASSERT_TRUE(take(frame));
  fill(2, {});
  slot_->carry(work_);
  ASSERT_TRUE(take(frame));
  EXPECT_EQ(frame.kind, FinishedKind::kCarried);
  EXPECT_EQ(frame.frame.number, 2U);
  EXPECT_TRUE(frame.detections.items.empty());
  EXPECT_EQ(dropped(FrameDrop::kMotion), 1U);
}

TEST_F(FrameSlotTest, AClosingModelAsksForAnotherFeed) {
  make({.live = true});
  connect();
  EXPECT_FALSE(slot_->needs_feed());
  runner_.open = false;
  put(1);
  EXPECT_TRUE(slot_->needs_feed());
  runner_.open = true;
  connect();
  EXPECT_FALSE(slot_->needs_feed());
  FinishedFrame frame;
  ASSERT_TRUE(take(frame)) << "what waited is offered to the new feed";
  EXPECT_EQ(frame.frame.number, 1U);
}

TEST_F(FrameSlotTest, WhoWaitsForAllGoesOnWhenTheLastFrameWasTaken) {
  make({.live = false});
  put(1);  // no feed: it stays
  EXPECT_FALSE(slot_->wait(FrameSlot::Until::kTurn, milliseconds(5)));
  connect();
  EXPECT_TRUE(slot_->wait(FrameSlot::Until::kTurn, milliseconds(10'000)));
  EXPECT_FALSE(slot_->wait(FrameSlot::Until::kAll, milliseconds(5))) << "nobody has taken it";
  std::thread reader([this] {
    EXPECT_TRUE(slot_->wait(FrameSlot::Until::kAll, milliseconds(10'000)));
  });
  FinishedFrame frame;
  EXPECT_TRUE(take(frame));
  reader.join();
  slot_->request_stop();
  EXPECT_FALSE(slot_->wait(FrameSlot::Until::kAll, milliseconds(5))) << "stopped";
}

TEST_F(FrameSlotTest, StoppingWakesAReaderThatWaits) {
  make({.live = false});
  put(1);  // no feed: it stays
  std::thread reader([this] {
    fill(2, {});
    EXPECT_FALSE(slot_->put(work_));
  });
  slot_->request_stop();
  reader.join();
}

TEST_F(FrameSlotTest, NothingIsAllocatedAFrame) {
  make({.live = false});
  connect();
  FinishedFrame frame;
  // Three at a time, so that both flights and every place have had theirs.
  for (std::uint64_t i = 0; i < 300; ++i) {
    for (std::uint64_t k = 0; k < 3; ++k) put(3 * i + k);
    for (int k = 0; k < 3; ++k) ASSERT_TRUE(take(frame));
  }
  const std::size_t before = counted_allocations();
  for (std::uint64_t i = 0; i < 200; ++i) {
    put(i);
    while (slot_->take(frame) != FrameSlot::Taken::kFrame) std::this_thread::yield();
  }
  EXPECT_EQ(counted_allocations() - before, 0U);
}

}  // namespace
}  // namespace shoal
