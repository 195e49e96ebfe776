// Goal: a load that takes too long holds up nobody, and is counted until it ends.
#include "pipeline/timed_load.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "pipeline/fake_engine_for_test.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

const LoadLimits kShort{.timeout = 30ms, .at_once = 2};
const LoadLimits kLong{.timeout = 60'000ms, .at_once = 2};

Result<std::unique_ptr<Engine>> quick() {
  return std::unique_ptr<Engine>(std::make_unique<FakeEngine>(FakeEngineOptions{}));
}

// A load that ends when the test says so.
class SlowLoad {
 public:
  SlowLoad() : end_(promise_.get_future().share()) {}
  ~SlowLoad() { finish(); }
  internal::Loading loading() {
    return [end = end_] {
      end.wait();
      return quick();
    };
  }
  // Returns when nothing is left behind any more.
  void finish() {
    if (done_) return;
    done_ = true;
    promise_.set_value();
    while (loads_left_behind() > 0) std::this_thread::yield();
  }

 private:
  std::promise<void> promise_;
  std::shared_future<void> end_;
  bool done_ = false;
};

ErrorCode code_of(const Result<std::unique_ptr<Engine>>& loaded) { return loaded.error().code; }

TEST(TimedLoadTest, ALoadInTimeIsJustALoad) {
  const auto loaded = internal::load_in_time("a", kLong, quick);
  ASSERT_TRUE(loaded);
  EXPECT_EQ((*loaded)->model().name, "fake");
  EXPECT_EQ(loads_left_behind(), 0);
}

TEST(TimedLoadTest, OneThatTakesTooLongIsLeftBehindAndRefusedUntilItHasEnded) {
  SlowLoad slow;
  const auto late = internal::load_in_time("slow", kShort, slow.loading());
  ASSERT_FALSE(late);
  EXPECT_EQ(code_of(late), ErrorCode::kDeadlineExceeded);
  EXPECT_NE(late.error().message.find("load.timeout_ms"), std::string::npos);
  EXPECT_EQ(loads_left_behind(), 1);
  const auto again = internal::load_in_time("slow", kLong, quick);
  ASSERT_FALSE(again);
  EXPECT_EQ(code_of(again), ErrorCode::kUnavailable);
  EXPECT_TRUE(internal::load_in_time("other", kLong, quick)) << "others run beside it";
  slow.finish();
  EXPECT_TRUE(internal::load_in_time("slow", kLong, quick));
}

TEST(TimedLoadTest, AsManyAsRunAtOnceMayBeLeftBehind) {
  SlowLoad slow;
  for (const char* path : {"one", "two"}) {
    EXPECT_FALSE(internal::load_in_time(path, kShort, slow.loading()));
  }
  const auto refused = internal::load_in_time("three", kLong, quick);
  ASSERT_FALSE(refused);
  EXPECT_EQ(code_of(refused), ErrorCode::kUnavailable);
}

TEST(TimedLoadTest, LoadsRunBesideOneAnotherUpToTheirNumber) {
  SlowLoad slow;
  auto first = std::async(std::launch::async, [&] {
    return internal::load_in_time("first", kLong, slow.loading());
  });
  EXPECT_TRUE(internal::load_in_time("second", kLong, quick));
  const LoadLimits kOne{.timeout = 50ms, .at_once = 1};
  // The first may not have begun yet: then this one is done before it.
  const auto third = internal::load_in_time("third", kOne, quick);
  if (!third) {
    EXPECT_EQ(code_of(third), ErrorCode::kDeadlineExceeded);
  }
  slow.finish();
  EXPECT_TRUE(first.get());
}

TEST(TimedLoadTest, WhoeverNoLongerWantsItDoesNotWait) {
  SlowLoad slow;
  std::stop_source stop;
  LoadLimits limits = kLong;
  limits.stop = stop.get_token();
  auto waiting = std::async(std::launch::async, [&] {
    return internal::load_in_time("wanted", limits, slow.loading());
  });
  stop.request_stop();
  const auto outcome = waiting.get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(code_of(outcome), ErrorCode::kCancelled);
}

TEST(TimedLoadTest, AFailureIsTheCallers) {
  const auto failed = internal::load_in_time(
      "broken", kLong, []() -> Result<std::unique_ptr<Engine>> {
        return Error{ErrorCode::kCorruptInput, "broken"};
      });
  ASSERT_FALSE(failed);
  EXPECT_EQ(code_of(failed), ErrorCode::kCorruptInput);
  const auto thrown = internal::load_in_time(
      "short", kLong, []() -> Result<std::unique_ptr<Engine>> { throw std::bad_alloc(); });
  ASSERT_FALSE(thrown);
  EXPECT_EQ(code_of(thrown), ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace shoal
