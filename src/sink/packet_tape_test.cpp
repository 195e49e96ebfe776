// The tape of a camera: what it holds, how its clock runs, what readers get, what it costs.
#include "sink/packet_tape.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "core/counted_allocations.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1h};

// A camera: a key frame every `keys` packets, 25 a second.
class Camera {
 public:
  explicit Camera(PacketTape& tape, int keys = 25) : tape_(tape), keys_(keys) {}

  void send(int packets, std::size_t bytes = 100) {
    for (int i = 0; i < packets; ++i, ++sent) {
      packet_.key = sent % keys_ == 0;
      packet_.captured = kStart + sent * 40ms + wall_lead;
      bytes_.resize(bytes);
      std::iota(bytes_.begin(), bytes_.end(), static_cast<std::uint8_t>(sent));
      tape_.append(packet_, sent * 40ms + media_lead, bytes_);
    }
  }

  int sent = 0;
  Duration media_lead{};
  Duration wall_lead{};

 private:
  PacketTape& tape_;
  int keys_;
  TapedPacket packet_;
  std::vector<std::uint8_t> bytes_;
};

struct Played {
  std::vector<int> numbers;  // the first byte of each packet
  std::vector<double> times; // seconds from the first one
  PacketTape::Read last = PacketTape::Read::kNothingYet;
};

Played play(PacketTape::Reader& reader) {
  Played played;
  TapedPacket packet;
  std::vector<std::uint8_t> bytes;
  std::optional<Duration> first;
  while ((played.last = reader.next(packet, bytes)) == PacketTape::Read::kPacket) {
    for (std::size_t i = 1; i < bytes.size(); ++i) {
      EXPECT_EQ(bytes[i], static_cast<std::uint8_t>(bytes[i - 1] + 1)) << "at " << i;
    }
    if (!first) first = packet.time;
    played.numbers.push_back(bytes[0]);
    played.times.push_back(std::chrono::duration<double>(packet.time - *first).count());
  }
  return played;
}

TEST(PacketTape, CutsFromTheKeyFrameBeforeTheTimeBefore) {
  PacketTape tape({.keep = 5s});
  Camera camera(tape);
  camera.send(200);  // key frames at 0, 1, ... 7 s
  const auto cut = tape.cut(kStart + 7900ms, 2500ms, 1s);
  ASSERT_TRUE(cut);
  PacketTape::Reader reader(tape, cut->first);
  const Played played = play(reader);
  EXPECT_EQ(played.numbers.front(), 125);  // 5 s is the last key frame before 5.4 s
  EXPECT_EQ(played.numbers.size(), 75U);
  EXPECT_NEAR(played.times.back(), 74 * 0.04, 1e-9);
  EXPECT_EQ(played.last, PacketTape::Read::kNothingYet);
  EXPECT_EQ(cut->end - cut->begin, 7880ms - 5s + 1s);
  EXPECT_EQ(cut->interval, 40ms);
}

TEST(PacketTape, BeginsLaterWhereLessIsHeld) {
  PacketTape tape({.keep = 5s});
  Camera camera(tape);
  camera.sent = 10;  // joined in the middle of a group
  camera.send(30);
  const auto cut = tape.cut(kStart + 1500ms, 10s, 1s);
  ASSERT_TRUE(cut);
  PacketTape::Reader reader(tape, cut->first);
  EXPECT_EQ(play(reader).numbers.front(), 25);
}

TEST(PacketTape, WithoutAKeyFrameThereIsNothingToCut) {
  PacketTape tape({.keep = 5s});
  EXPECT_FALSE(tape.cut(kStart, 1s, 1s));
  Camera camera(tape);
  camera.sent = 1;
  camera.send(20);
  EXPECT_FALSE(tape.cut(kStart + 500ms, 1s, 1s));
}

TEST(PacketTape, HoldsNoMoreThanItHasTo) {
  PacketTape tape({.keep = 2s});
  Camera camera(tape);
  camera.send(2000);
  // 2 s and the group that they begin in, of 100 bytes a packet.
  EXPECT_LE(tape.bytes_held(), 100U * 77);
  EXPECT_GE(tape.bytes_held(), 100U * 50);
}

TEST(PacketTape, ALackOfMemoryTakesTheOldest) {
  PacketTape tape({.keep = 60s, .bytes_max = 100'000});
  Camera camera(tape);
  camera.send(200, 1000);
  EXPECT_LE(tape.bytes_allocated(), 140'000U);
  const auto cut = tape.cut(kStart + 8s, 60s, 1s);
  ASSERT_TRUE(cut);
  PacketTape::Reader reader(tape, cut->first);
  const Played played = play(reader);
  EXPECT_EQ(played.numbers.front(), 100);
  EXPECT_EQ(played.numbers.size(), 100U);
}

TEST(PacketTape, APacketThatNeverFitsEndsTheSection) {
  PacketTape tape({.keep = 60s, .bytes_max = 10'000});
  Camera camera(tape);
  camera.send(5);
  camera.send(1, 20'000);
  camera.send(5);
  const auto cut = tape.cut(kStart, 1s, 1s);
  ASSERT_TRUE(cut);
  PacketTape::Reader reader(tape, cut->first);
  const Played played = play(reader);
  EXPECT_EQ(played.numbers, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(played.last, PacketTape::Read::kEnd);
}

TEST(PacketTape, WhatIsReadIsHeldUntilItIsRead) {
  PacketTape tape({.keep = 1s});
  Camera camera(tape);
  camera.send(30);
  const auto cut = tape.cut(kStart + 1s, 1s, 10s);
  PacketTape::Reader reader(tape, cut->first);
  camera.send(220);
  EXPECT_EQ(play(reader).numbers.size(), 250U);
  camera.send(50);
  EXPECT_LE(tape.bytes_held(), 100U * 102);
}

TEST(PacketTape, AReaderThatIsOverrunEnds) {
  PacketTape tape({.keep = 1s, .bytes_max = 5'000});
  Camera camera(tape);
  camera.send(10);
  PacketTape::Reader reader(tape, tape.cut(kStart, 1s, 10s)->first);
  camera.send(100);
  TapedPacket packet;
  std::vector<std::uint8_t> bytes;
  EXPECT_EQ(reader.next(packet, bytes), PacketTape::Read::kEnd);
}

TEST(PacketTape, ReadersStopWhereAnotherConnectionBegins) {
  PacketTape tape({.keep = 5s});
  Camera camera(tape);
  camera.send(50);
  const auto before = tape.cut(kStart + 2s, 1s, 10s);
  PacketTape::Reader reader(tape, before->first);
  tape.end_section();
  tape.end_section();
  camera.send(50);
  const Played played = play(reader);
  EXPECT_EQ(played.numbers.back(), 49);
  EXPECT_EQ(played.last, PacketTape::Read::kEnd);
  // And a cut never reaches over it.
  PacketTape::Reader after(tape, tape.cut(kStart + 3500ms, 5s, 1s)->first);
  EXPECT_EQ(play(after).numbers.front(), 50);
}

TEST(PacketTape, AClosedTapeGivesWhatIsLeft) {
  PacketTape tape({.keep = 5s});
  Camera camera(tape);
  camera.send(10);
  PacketTape::Reader reader(tape, tape.cut(kStart, 1s, 10s)->first);
  tape.close();
  camera.send(10);
  const Played played = play(reader);
  EXPECT_EQ(played.numbers.size(), 10U);
  EXPECT_EQ(played.last, PacketTape::Read::kEnd);
}

TEST(PacketTape, TheClockGoesOnWhereMediaTimeJumps) {
  for (const Duration jump : {Duration(-3h), Duration(50h), Duration(-1500ms)}) {
    PacketTape tape({.keep = 60s});
    Camera camera(tape);
    camera.send(50);
    camera.media_lead = jump;
    camera.send(50);
    PacketTape::Reader reader(tape, tape.cut(kStart + 1s, 5s, 60s)->first);
    const Played played = play(reader);
    EXPECT_EQ(played.numbers.size(), 100U);
    EXPECT_NEAR(played.times[50], 2.0, 0.05);
    EXPECT_NEAR(played.times[99], 4.0, 0.1);
  }
}

TEST(PacketTape, TheClockGoesOnWhereMediaTimeStandsStill) {
  PacketTape tape({.keep = 2s});
  TapedPacket packet;
  const std::vector<std::uint8_t> bytes(100);
  for (int i = 0; i < 1000; ++i) {
    packet.key = i % 25 == 0;
    packet.captured = kStart + i * 40ms;
    tape.append(packet, Duration(7s), bytes);
  }
  EXPECT_LE(tape.bytes_held(), 100U * 140);
}

TEST(PacketTape, WithoutMediaTimesTheClockIsTheCapture) {
  PacketTape tape({.keep = 5s});
  TapedPacket packet;
  for (int i = 0; i < 20; ++i) {
    packet.key = true;
    packet.captured = kStart + i * 300ms;
    const std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(i)};
    tape.append(packet, std::nullopt, bytes);
  }
  PacketTape::Reader reader(tape, tape.cut(kStart + 5s, 3s, 1s)->first);
  const Played played = play(reader);
  EXPECT_EQ(played.numbers.front(), 6);
  EXPECT_NEAR(played.times.back(), 13 * 0.3, 1e-9);
}

TEST(PacketTape, KnowsHowFarPacketsAreReordered) {
  PacketTape tape({.keep = 5s});
  TapedPacket packet;
  const std::vector<std::uint8_t> bytes(10);
  // I0 P3 B1 B2 P6 B4 B5 as they are sent.
  for (const int shown : {0, 3, 1, 2, 6, 4, 5}) {
    packet.key = shown == 0;
    packet.captured = kStart + shown * 40ms;
    tape.append(packet, shown * 40ms, bytes);
  }
  const auto cut = tape.cut(kStart, 1s, 1s);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->reorder_depth, 1);
  EXPECT_EQ(cut->interval, 40ms);
}

TEST(PacketTape, AllocatesNothingOnceItHasGrown) {
  PacketTape tape({.keep = 2s});
  TapedPacket packet;
  const std::vector<std::uint8_t> bytes(3000);
  const auto send = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      packet.key = i % 50 == 0;
      packet.captured = kStart + i * 40ms;
      tape.append(packet, i * 40ms, bytes);
    }
  };
  send(0, 500);
  const std::size_t before = counted_allocations();
  send(500, 3000);
  EXPECT_EQ(counted_allocations(), before);
}

TEST(PacketTape, OneWritesWhileAnotherReads) {
  PacketTape tape({.keep = 1s, .bytes_max = 1 << 20});
  Camera camera(tape);
  camera.send(1);
  PacketTape::Reader reader(tape, tape.cut(kStart, 1s, 1h)->first);
  std::thread writer([&] {
    camera.send(3000, 50);
    tape.close();
  });
  std::size_t count = 0;
  for (;;) {
    const Played played = play(reader);
    count += played.numbers.size();
    if (played.last == PacketTape::Read::kEnd) break;
    std::this_thread::yield();
  }
  writer.join();
  EXPECT_EQ(count, 3001U);
}

}  // namespace
}  // namespace shoal
