// Goal: where memory is short, every item of a call still has one answer, a camera loses the frame
// that it happens to and no other, and the process goes on. Method: calls, withdrawn and expired
// requests and a camera's slot over real lanes with a fake engine; each allocation on the lanes'
// threads made to fail in turn.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "core/failing_allocations.h"
#include "core/log.h"
#include "pipeline/fake_engine_for_test.h"
#include "pipeline/frame_slot.h"
#include "pipeline/lane_pool.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Size kSize{80, 60};
constexpr std::size_t kPictureBytes = std::size_t{80} * 60 * 3;

void fill_frame(Frame& frame, std::uint8_t level) {
  std::fill_n(frame.pixels.reserve(kPictureBytes), kPictureBytes, level);
  frame.size = frame.source_size = kSize;
  frame.pitch_bytes = kSize.width * 3;
}

std::unique_ptr<LanePool> one_lane() {
  return *LanePool::create(std::make_unique<FakeEngine>(FakeEngineOptions{.lanes = 1}), {});
}

// What a call and a feed need of a host.
class Runner final : public CallRunner {
 public:
  void launch(std::unique_ptr<Request> request) override {
    if (request->outcome.error) {
      Error error = std::move(*request->outcome.error);
      return answer(std::move(request), std::move(error));
    }
    lanes->submit(std::move(request), Overflow::kReject);
  }
  void record(const Request&, const CallOptions&, TimePoint) override { ++recorded; }
  RequestPool& requests() override { return pool; }
  void finished(SourceKey, std::size_t) override {
    const std::lock_guard lock(mutex);
    ++finished_calls;
    changed.notify_all();
  }
  bool enter() override { return true; }
  void left() override {}

  RequestPool pool{8, 16};
  std::atomic<int> recorded = 0;
  std::mutex mutex;
  std::condition_variable changed;
  int finished_calls = 0;
  // Last, so that its threads have ended before what they use.
  std::unique_ptr<LanePool> lanes = one_lane();
};

// One call of `count` pictures whose names are long, with allocations from the k-th on failing.
// Returns how many were counted.
std::uint64_t call_with(std::uint64_t first, std::uint64_t last, bool& all_well) {
  constexpr std::size_t kCount = 20;
  CallItems answers;
  int answered = 0;
  const std::string name(40, 'n');
  Runner runner;
  const auto call = std::make_shared<Call>(Call::Parts{
      .runner = &runner,
      .count = kCount,
      .load =
          [&name](Request& request, std::size_t item) {
            request.packet.name = name;
            request.work = Work::kPixels;
            fill_frame(request.outcome.pixels, static_cast<std::uint8_t>(item));
          },
      .owner = nullptr,
      .options = {},
      .timeout = seconds(60),
      .done =
          [&](CallItems items) {
            answers = std::move(items);
            ++answered;
          }});
  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(runner.pool.acquire());
  set_log_level(LogLevel::kOff);
  arm_allocations(AllocationKind::kNew, first, last);
  call->start(std::move(requests));
  {
    std::unique_lock lock(runner.mutex);
    EXPECT_TRUE(runner.changed.wait_for(lock, seconds(60),
                                        [&] { return runner.finished_calls == 1; }));
  }
  const std::uint64_t counted = disarm_allocations();
  set_log_level(LogLevel::kWarn);
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(answers.size(), kCount);
  EXPECT_EQ(runner.recorded, static_cast<int>(kCount));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Outcome& outcome = answers[i].outcome;
    all_well = all_well && !outcome.error;
    if (outcome.error) {
      EXPECT_EQ(outcome.error->code, ErrorCode::kUnavailable) << "to be tried again";
      EXPECT_TRUE(outcome.detections.items.empty());
    } else if (outcome.detections.items.size() == 1) {
      EXPECT_EQ(outcome.detections.items[0].class_id, static_cast<int>(i));
    } else {
      ADD_FAILURE() << "item " << i << " has no answer";
    }
  }
  EXPECT_EQ(runner.pool.free_count(), runner.pool.size()) << "every request came back";
  return counted;
}

TEST(AnswerMemoryTest, EveryItemOfACallIsAnsweredWhicheverAllocationFails) {
  bool all_well = true;
  const std::uint64_t count = call_with(0, 0, all_well);
  EXPECT_TRUE(all_well);
  ASSERT_GT(count, 20U) << "an answer is a copy, so there is something to fail";
  bool some_fail = true;
  for (std::uint64_t k = 1; k <= count + 2 && !testing::Test::HasFailure(); ++k) {
    (void)call_with(k, k, some_fail);
  }
  EXPECT_FALSE(some_fail) << "an item says that memory is short";
  (void)call_with(1, 1'000'000, some_fail);
}

// Counts what comes back and why; allocates nothing.
class Counting final : public Completion {
 public:
  void complete(std::unique_ptr<Request> request) noexcept override {
    const std::lock_guard lock(mutex);
    if (request->outcome.error) ++by_code[static_cast<std::size_t>(request->outcome.error->code)];
    back[request->sequence] = std::move(request);
    ++answered;
    changed.notify_all();
  }
  void wait(int count) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, seconds(60), [&] { return answered == count; }))
        << answered << " of " << count;
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::array<int, 16> by_code{};
  std::array<std::unique_ptr<Request>, 200> back;
  int answered = 0;
};

TEST(AnswerMemoryTest, WhatNobodyWaitsForIsAnsweredWithoutMemory) {
  const std::atomic<bool> gone = true;
  for (const bool expired : {true, false}) {
    Counting door;
    const auto lanes = one_lane();
    std::vector<std::unique_ptr<Request>> requests;
    for (std::uint64_t i = 0; i < door.back.size(); ++i) {
      auto request = std::make_unique<Request>();
      request->sequence = i;
      request->completion = &door;
      request->started = Clock::now();
      fill_frame(request->outcome.pixels, 1);
      if (expired) {
        request->deadline = request->started;
      } else {
        request->cancelled = &gone;
      }
      requests.push_back(std::move(request));
    }
    arm_allocations(AllocationKind::kNew, 1, 1'000'000);
    for (auto& request : requests) lanes->submit(std::move(request), Overflow::kReject);
    door.wait(static_cast<int>(door.back.size()));
    (void)disarm_allocations();
    const ErrorCode code = expired ? ErrorCode::kDeadlineExceeded : ErrorCode::kCancelled;
    EXPECT_EQ(door.by_code[static_cast<std::size_t>(code)], static_cast<int>(door.back.size()));
  }
}

// Puts frames into a slot and takes the answers; the first frame's lane has no memory for it.
// Returns how many of 20 later frames were answered.
int frames_after_a_failure(std::uint64_t first, std::uint64_t last, std::uint64_t& counted) {
  Runner runner;
  CameraCounters counters;
  std::mutex mutex;
  std::condition_variable woken;
  FrameSlot slot({.live = true}, counters, [&] {
    const std::lock_guard lock(mutex);
    woken.notify_all();
  });
  std::vector<std::unique_ptr<HostFeed>> feeds;
  feeds.push_back(std::make_unique<HostFeed>(runner, *runner.lanes, slot.client(0),
                                             FeedOptions{.source = camera_source(1)},
                                             runner.pool.acquire()));
  slot.set_feeds(std::move(feeds));
  CameraFrame work;
  FinishedFrame finished;
  const auto send = [&](std::uint64_t number) {
    fill_frame(work.pixels, static_cast<std::uint8_t>(number));
    work.number = number;
    work.captured = work.decode_begun = work.ready = Clock::now();
    EXPECT_TRUE(slot.put(work));
    for (int i = 0; i < 1000; ++i) {
      if (slot.take(finished) == FrameSlot::Taken::kFrame) return true;
      std::unique_lock lock(mutex);
      woken.wait_for(lock, milliseconds(10));
    }
    return false;
  };
  arm_allocations(AllocationKind::kNew, first, last);
  EXPECT_TRUE(send(0)) << "the frame itself is answered, if with an error";
  counted = disarm_allocations();
  int answered = 0;
  for (std::uint64_t number = 1; number <= 20; ++number) {
    if (!send(number)) break;
    answered += finished.kind == FinishedKind::kInferred && finished.frame.number == number &&
                        finished.detections.items.size() == 1 &&
                        finished.detections.items[0].class_id == static_cast<int>(number)
                    ? 1
                    : 0;
  }
  slot.request_stop();
  return answered;
}

TEST(AnswerMemoryTest, AFailedAllocationCostsACameraNoLaterFrame) {
  std::uint64_t count = 0;
  EXPECT_EQ(frames_after_a_failure(0, 0, count), 20);
  ASSERT_GT(count, 0U) << "the first frame of a lane allocates";
  for (std::uint64_t k = 1; k <= count && !testing::Test::HasFailure(); ++k) {
    std::uint64_t counted = 0;
    EXPECT_EQ(frames_after_a_failure(k, k, counted), 20) << "allocation " << k;
  }
  std::uint64_t counted = 0;
  EXPECT_EQ(frames_after_a_failure(1, 1'000'000, counted), 20) << "all of them";
}

}  // namespace
}  // namespace shoal
