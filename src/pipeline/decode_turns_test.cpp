// Goal: where decoding is short, cameras get turns by their number and priority, and not by how
// long a turn of theirs takes; nobody waits for ever, and where there is room nobody waits.
// Method: one core that is handed on by hand, so the order is decided by DecodeTurns alone.
#include "pipeline/decode_turns.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace shoal {
namespace {

// Cameras that always have another packet, one core: who gets how many of the turns.
class Contest {
 public:
  void add(const std::string& name, Priority priority, std::chrono::microseconds turn) {
    players_.push_back(std::make_unique<Player>(name, priority, turn));
  }

  std::map<std::string, double> play(int turns) {
    for (auto& player : players_) {
      player->thread = std::thread([this, &player = *player, turns] {
        ++ready_;
        while (ready_ < static_cast<int>(players_.size())) std::this_thread::yield();
        while (played_ < turns) {
          const auto turn = turns_.take(player.account);
          if (++at_once_ > 1) too_many_ = true;
          std::this_thread::sleep_for(player.turn);
          --at_once_;
          if (++played_ <= turns) ++player.count;
        }
      });
    }
    std::map<std::string, double> shares;
    for (auto& player : players_) player->thread.join();
    for (auto& player : players_) {
      shares[player->name] = static_cast<double>(player->count) / turns;
    }
    EXPECT_FALSE(too_many_);
    return shares;
  }

 private:
  struct Player {
    Player(std::string its_name, Priority priority, std::chrono::microseconds its_turn)
        : name(std::move(its_name)), account(priority), turn(its_turn) {}
    std::string name;
    DecodeTurns::Account account;
    std::chrono::microseconds turn;
    int count = 0;
    std::thread thread;
  };
  DecodeTurns turns_{1};
  std::vector<std::unique_ptr<Player>> players_;
  std::atomic<int> ready_{0};
  std::atomic<int> played_{0};
  std::atomic<int> at_once_{0};
  std::atomic<bool> too_many_{false};
};

TEST(DecodeTurnsTest, ACameraWithDearFramesHasAsManyTurnsAsOneWithCheapOnes) {
  Contest contest;
  contest.add("dear", Priority::kNormal, std::chrono::microseconds(5000));
  for (int i = 0; i < 4; ++i) {
    contest.add("cheap" + std::to_string(i), Priority::kNormal, std::chrono::microseconds(100));
  }
  for (const auto& [name, share] : contest.play(500)) EXPECT_NEAR(share, 0.2, 0.03) << name;
}

TEST(DecodeTurnsTest, PriorityIsAShare) {
  // Two of each: one that is being decoded does not wait for its next turn at the same time.
  Contest contest;
  for (const char* number : {"1", "2"}) {
    contest.add(std::string("high") + number, Priority::kHigh, std::chrono::microseconds(200));
    contest.add(std::string("normal") + number, Priority::kNormal, std::chrono::microseconds(200));
    contest.add(std::string("low") + number, Priority::kLow, std::chrono::microseconds(200));
  }
  auto shares = contest.play(1400);
  EXPECT_NEAR(shares["high1"] + shares["high2"], 4.0 / 7, 0.05);
  EXPECT_NEAR(shares["normal1"] + shares["normal2"], 2.0 / 7, 0.05);
  EXPECT_NEAR(shares["low1"] + shares["low2"], 1.0 / 7, 0.05);
}

TEST(DecodeTurnsTest, WhoWasIdleSavesNothingUpAndOwesNothing) {
  DecodeTurns turns(1);
  DecodeTurns::Account busy(Priority::kNormal);
  DecodeTurns::Account idle(Priority::kNormal);
  for (int i = 0; i < 1000; ++i) (void)turns.take(busy);
  // Both wait now: `idle` may go first once, and then they alternate.
  std::atomic<int> order{0};
  int busy_was = 0;
  std::array<int, 2> idle_was{};
  std::optional<DecodeTurns::Turn> held(turns.take(busy));
  std::thread a([&] { const auto turn = turns.take(busy); busy_was = order++; });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::thread b([&] {
    { const auto turn = turns.take(idle); idle_was[0] = order++; }
    { const auto turn = turns.take(idle); idle_was[1] = order++; }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  held.reset();
  a.join();
  b.join();
  EXPECT_EQ(idle_was[0], 0);
  EXPECT_LE(busy_was, 1 + (idle_was[1] == 1 ? 1 : 0));
}

TEST(DecodeTurnsTest, WhatFollowsFromAPacketComesBeforeOthersNextPackets) {
  DecodeTurns turns(1);
  DecodeTurns::Account one(Priority::kNormal);
  DecodeTurns::Account other(Priority::kNormal);
  (void)turns.take(other);
  (void)turns.take(one);
  (void)turns.take(other);
  std::optional<DecodeTurns::Turn> held(turns.take(other));
  std::atomic<int> order{0};
  int packet = -1;
  int conversion = -1;
  std::thread a([&] { const auto turn = turns.take(other); packet = order++; });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::thread b([&] { const auto turn = turns.go_on(one); conversion = order++; });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  held.reset();
  a.join();
  b.join();
  EXPECT_EQ(conversion, 0);
  EXPECT_EQ(packet, 1);
}

TEST(DecodeTurnsTest, AsManyAtOnceAsThereAreCores) {
  DecodeTurns turns(3);
  DecodeTurns::Account account(Priority::kNormal);
  const auto a = turns.take(account);
  const auto b = turns.take(account);
  const auto c = turns.take(account);
  std::atomic<bool> through{false};
  std::thread d([&] {
    DecodeTurns::Account other(Priority::kNormal);
    const auto turn = turns.take(other);
    through = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(through);
  { const auto ended = DecodeTurns::Turn(turns); }  // gives one back
  d.join();
  EXPECT_TRUE(through);
}

}  // namespace
}  // namespace shoal
