// For tests of the stream decoder: what comes out of it, and what VideoDecoder, the reference,
// makes of the same packets.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "decode/encoded_stream_test.h"
#include "decode/stream_decoder.h"
#include "decode/video_decoder.h"

namespace shoal {

// FNV-1a over the pixels without the rows' padding.
inline std::uint64_t hash_of(const Frame& frame) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (int y = 0; y < frame.size.height; ++y) {
    const std::uint8_t* row = frame.pixels.data() + y * frame.pitch_bytes;
    for (int x = 0; x < 3 * frame.size.width; ++x) hash = (hash ^ row[x]) * 1099511628211ULL;
  }
  return hash;
}

struct Given {
  std::chrono::nanoseconds time{};
  Size size;
  bool key = false;
  std::uint64_t hash = 0;
};

inline void take_frames(StreamDecoder& decoder, std::vector<Given>& given) {
  Frame frame;
  for (;;) {
    const auto next = decoder.next();
    ASSERT_TRUE(next) << next.error().message;
    if (!*next) return;
    const auto converted = decoder.convert(frame);
    ASSERT_TRUE(converted) << converted.error().message;
    EXPECT_EQ(frame.size, (*next)->size);
    EXPECT_EQ(frame.source_size, (*next)->size);
    EXPECT_EQ(frame.media_time, (*next)->media_time);
    given.push_back({(*next)->media_time.value_or(std::chrono::nanoseconds(-1)), (*next)->size,
                     (*next)->key, hash_of(frame)});
  }
}

inline std::vector<Given> give_all(StreamDecoder& decoder, const std::vector<Packet>& packets) {
  std::vector<Given> given;
  for (const Packet& packet : packets) {
    const auto sent = decoder.send(packet);
    EXPECT_TRUE(sent) << sent.error().message;
    take_frames(decoder, given);
  }
  decoder.finish();
  take_frames(decoder, given);
  return given;
}

// Hash of each frame by its time.
inline std::map<std::chrono::nanoseconds, std::uint64_t> reference_of(
    const std::vector<Packet>& packets) {
  std::map<std::chrono::nanoseconds, std::uint64_t> reference;
  auto decoder = VideoDecoder::create(packets.front().stream_parameters, "reference", {});
  EXPECT_TRUE(decoder);
  Frame frame;
  const auto drain = [&] {
    while (*(*decoder)->receive(frame)) reference[*frame.media_time] = hash_of(frame);
  };
  for (const Packet& packet : packets) {
    EXPECT_TRUE((*decoder)->send(packet));
    drain();
  }
  EXPECT_TRUE((*decoder)->flush());
  drain();
  return reference;
}

// A texture that moves, so that no frame equals another and every block is predicted.
inline Yuv moving_texture(int frame, int x, int y) {
  const auto hash = static_cast<std::uint32_t>((x + 3 * frame) / 4 * 104729 + y / 4 * 1299709);
  return {static_cast<int>(40 + (hash * 2654435761U >> 25)), 110 + frame % 30, 128};
}

// Moves a stream's times, so that it can stand behind another one.
inline void append(std::vector<Packet>& packets, std::vector<Packet> more,
                   std::chrono::milliseconds later) {
  for (Packet& packet : more) {
    packet.media_time = *packet.media_time + later;
    packets.push_back(std::move(packet));
  }
}

}  // namespace shoal
