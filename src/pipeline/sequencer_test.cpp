// Goal: answers come out in the order of the inputs, each once, whatever finishes first.
#include "pipeline/sequencer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

namespace shoal {
namespace {

using std::chrono::milliseconds;

std::unique_ptr<Request> request(std::uint64_t sequence) {
  auto made = std::make_unique<Request>();
  made->sequence = sequence;
  return made;
}

TEST(SequencerTest, HoldsAnAnswerBackUntilItsTurn) {
  Sequencer sequencer(4);
  std::unique_ptr<Request> next;
  sequencer.complete(request(1));
  EXPECT_EQ(sequencer.next(next, milliseconds(1)), Sequencer::Wait::kTimeout);
  sequencer.complete(request(0));
  ASSERT_EQ(sequencer.next(next, milliseconds(1)), Sequencer::Wait::kAnswer);
  EXPECT_EQ(next->sequence, 0U);
  ASSERT_EQ(sequencer.next(next, milliseconds(1)), Sequencer::Wait::kAnswer);
  EXPECT_EQ(next->sequence, 1U);
}

TEST(SequencerTest, EndsAfterTheLastAnswer) {
  Sequencer sequencer(4);
  std::unique_ptr<Request> next;
  sequencer.complete(request(0));
  sequencer.end_at(1);
  EXPECT_EQ(sequencer.next(next, milliseconds(1)), Sequencer::Wait::kAnswer);
  EXPECT_EQ(sequencer.next(next, milliseconds(1)), Sequencer::Wait::kEnd);
}

TEST(SequencerTest, AnEmptyRunEndsAtOnce) {
  Sequencer sequencer(4);
  std::unique_ptr<Request> next;
  sequencer.end_at(0);
  EXPECT_EQ(sequencer.next(next, milliseconds(1000)), Sequencer::Wait::kEnd);
}

TEST(SequencerTest, AnyOrderOfCompletionGivesTheOrderOfInputs) {
  constexpr std::uint64_t kWindow = 8;
  constexpr std::uint64_t kCount = 4000;
  Sequencer sequencer(kWindow);
  std::atomic<std::uint64_t> taken = 0;
  std::thread completer([&] {
    std::mt19937 random(7);
    for (std::uint64_t begin = 0; begin < kCount; begin += kWindow / 2) {
      std::vector<std::uint64_t> order;
      for (std::uint64_t i = 0; i < kWindow / 2; ++i) order.push_back(begin + i);
      std::shuffle(order.begin(), order.end(), random);
      for (const std::uint64_t sequence : order) {
        // Stay within the window, as the pool of requests does.
        while (sequence >= taken.load() + kWindow) std::this_thread::yield();
        sequencer.complete(request(sequence));
      }
    }
    sequencer.end_at(kCount);
  });
  std::unique_ptr<Request> next;
  for (std::uint64_t expected = 0; expected < kCount; ++expected) {
    ASSERT_EQ(sequencer.next(next, milliseconds(10'000)), Sequencer::Wait::kAnswer);
    ASSERT_EQ(next->sequence, expected);
    ++taken;
  }
  completer.join();
  EXPECT_EQ(sequencer.next(next, milliseconds(1000)), Sequencer::Wait::kEnd);
}

}  // namespace
}  // namespace shoal
