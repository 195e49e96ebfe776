// Goal: every frame once, in order of presentation, with its number, time and true colours; damage
// stays with the frames it hit. Method: videos encoded on the spot, and OpenCV on the zoo's.
#include "decode/video_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/fixtures_test.h"
#include "decode/encoded_stream_test.h"

#ifdef __SANITIZE_THREAD__
// FFmpeg's own threads hand buffers over through atomics that the sanitizer does not see, because
// Debian's library is not instrumented.
extern "C" const char* __tsan_default_suppressions() { return "race:libavutil.so\n"; }
#endif

namespace shoal {
namespace {

struct Seen {
  Size size;
  std::uint64_t id = 0;
  std::optional<std::chrono::nanoseconds> time;
  std::array<int, 3> middle{};  // the pixel in the middle
};

Seen look(const Frame& frame) {
  const std::uint8_t* pixel = frame.pixels.data() + frame.size.height / 2 * frame.pitch_bytes +
                              3 * (frame.size.width / 2);
  return {frame.size, static_cast<std::uint64_t>(frame.id), frame.media_time,
          {pixel[0], pixel[1], pixel[2]}};
}

std::unique_ptr<VideoDecoder> decoder_for(const std::vector<Packet>& packets,
                                          const VideoDecoderOptions& options = {}) {
  auto decoder = VideoDecoder::create(packets.front().stream_parameters, "test.mp4", options);
  EXPECT_TRUE(decoder);
  return *std::move(decoder);
}

void drain(VideoDecoder& decoder, std::vector<Seen>& seen) {
  Frame frame;
  for (;;) {
    const auto received = decoder.receive(frame);
    ASSERT_TRUE(received) << received.error().message;
    if (!*received) return;
    EXPECT_EQ(frame.source_size, frame.size);
    seen.push_back(look(frame));
  }
}

std::vector<Seen> decode_all(VideoDecoder& decoder, const std::vector<Packet>& packets) {
  std::vector<Seen> seen;
  for (const Packet& packet : packets) {
    EXPECT_TRUE(decoder.send(packet));
    drain(decoder, seen);
  }
  EXPECT_TRUE(decoder.flush());
  drain(decoder, seen);
  return seen;
}

// Noise that differs from frame to frame, so that packets are large enough to damage.
Yuv noise(int frame, int x, int y) {
  const auto hash = static_cast<std::uint32_t>(frame * 7919 + x * 104729 + y * 1299709);
  return {static_cast<int>(40 + (hash * 2654435761U >> 25)), 128, 128};
}

TEST(VideoDecoderTest, NumbersFramesInOrderOfPresentationThroughBFrames) {
  for (const int threads : {1, 2}) {
    const auto packets = encode({.frames = 30, .b_frames = 3});
    ASSERT_EQ(packets.size(), 30U);
    const bool reordered = !std::is_sorted(
        packets.begin(), packets.end(),
        [](const Packet& a, const Packet& b) { return a.media_time < b.media_time; });
    ASSERT_TRUE(reordered);
    const auto decoder = decoder_for(packets, {.threads = threads});
    const auto seen = decode_all(*decoder, packets);
    ASSERT_EQ(seen.size(), 30U);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].id, i);
      EXPECT_EQ(seen[i].time, std::chrono::milliseconds(40 * i));
      const double grey = (60 + 4 * static_cast<double>(i) - 16) * 255 / 219;
      EXPECT_NEAR(seen[i].middle[0], std::min(grey, 255.0), 3) << i;
    }
    EXPECT_EQ(decoder->delivered(), 30U);
    EXPECT_EQ(decoder->skipped(), 0U);
  }
}

struct ColourCase {
  AVColorSpace space;
  AVColorRange range;
  double kr;  // of the matrix that has to be used: ITU-R BT.601, BT.709, BT.2020
  double kb;
  bool full;
};

TEST(VideoDecoderTest, ConvertsWithTheMatrixAndRangeThatTheStreamDeclares) {
  const std::array cases = {
      ColourCase{AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, 0.299, 0.114, false},
      ColourCase{AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 0.299, 0.114, false},
      ColourCase{AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, 0.2126, 0.0722, false},
      ColourCase{AVCOL_SPC_BT709, AVCOL_RANGE_JPEG, 0.2126, 0.0722, true},
      ColourCase{AVCOL_SPC_SMPTE170M, AVCOL_RANGE_JPEG, 0.299, 0.114, true},
      ColourCase{AVCOL_SPC_BT2020_NCL, AVCOL_RANGE_MPEG, 0.2627, 0.0593, false},
  };
  for (const ColourCase& one : cases) {
    for (const Yuv colour : {Yuv{120, 90, 170}, Yuv{150, 160, 100}, Yuv{90, 128, 128}}) {
      const auto packets = encode({.frames = 1,
                                   .space = one.space,
                                   .range = one.range,
                                   .colour = [&](int, int, int) { return colour; }});
      const auto decoder = decoder_for(packets);
      const auto seen = decode_all(*decoder, packets);
      ASSERT_EQ(seen.size(), 1U);
      const double light = one.full ? colour.y : (colour.y - 16) * 255.0 / 219;
      const double chroma = one.full ? 1.0 : 255.0 / 224;
      const double cb = (colour.u - 128) * chroma;
      const double cr = (colour.v - 128) * chroma;
      const double kg = 1 - one.kr - one.kb;
      const std::array<double, 3> expected = {
          light + 2 * (1 - one.kr) * cr,
          light - 2 * one.kb * (1 - one.kb) / kg * cb - 2 * one.kr * (1 - one.kr) / kg * cr,
          light + 2 * (1 - one.kb) * cb};
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(seen[0].middle[i], std::clamp(expected[i], 0.0, 255.0), 4)
            << "channel " << i << " space " << one.space << " full " << one.full;
      }
    }
  }
}

TEST(VideoDecoderTest, FollowsAChangeOfSizeInTheMiddleOfAStream) {
  auto packets = encode({.size = {64, 48}, .frames = 5});
  for (Packet& packet : encode({.size = {96, 80}, .frames = 4})) {
    packet.media_time = *packet.media_time + std::chrono::milliseconds(200);
    packets.push_back(std::move(packet));
  }
  for (Packet& packet : encode({.size = {64, 48}, .frames = 3})) {
    packet.media_time = *packet.media_time + std::chrono::milliseconds(360);
    packets.push_back(std::move(packet));
  }
  const auto decoder = decoder_for(packets);
  const auto seen = decode_all(*decoder, packets);
  ASSERT_EQ(seen.size(), 12U);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].size, i >= 5 && i < 9 ? (Size{96, 80}) : (Size{64, 48})) << i;
    EXPECT_EQ(seen[i].id, i);
    const std::size_t within = i < 5 ? i : (i < 9 ? i - 5 : i - 9);
    EXPECT_NEAR(seen[i].middle[1], (60 + 4 * static_cast<double>(within) - 16) * 255 / 219, 3);
  }
}

TEST(VideoDecoderTest, SkipsDamagedPacketsAndKeepsTheNumbersOfTheOthers) {
  // Key frames only, so that damage cannot spread and every undamaged frame must come out.
  const EncodeOptions options{.size = {128, 96}, .frames = 20, .group = 1, .colour = noise};
  const auto whole = encode(options);
  const auto reference = decode_all(*decoder_for(whole), whole);
  ASSERT_EQ(reference.size(), 20U);
  for (const int threads : {1, 2}) {
    auto packets = whole;
    for (const std::size_t bad : {std::size_t{4}, std::size_t{11}}) {
      auto& bytes = packets[bad].bytes;
      for (std::size_t i = 5; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(i * 37 + 11);
      }
    }
    const auto decoder = decoder_for(packets, {.threads = threads});
    const auto seen = decode_all(*decoder, packets);
    EXPECT_EQ(seen.size(), 18U);
    EXPECT_EQ(decoder->skipped(), 2U);
    EXPECT_EQ(seen.back().id, 19U);
    for (const Seen& one : seen) {
      EXPECT_EQ(one.middle, reference[one.id].middle) << one.id;
      EXPECT_EQ(one.time, reference[one.id].time);
    }
  }
}

TEST(VideoDecoderTest, SaysOnceThatNothingCouldBeDecoded) {
  auto packets = encode({.frames = 3, .group = 1});
  for (Packet& packet : packets) std::fill(packet.bytes.begin(), packet.bytes.end(), 0xA5);
  const auto decoder = decoder_for(packets);
  Frame frame;
  for (const Packet& packet : packets) {
    EXPECT_TRUE(decoder->send(packet));
    const auto received = decoder->receive(frame);
    ASSERT_TRUE(received);
    EXPECT_FALSE(*received);
  }
  EXPECT_TRUE(decoder->flush());
  const auto end = decoder->receive(frame);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kCorruptInput);
  EXPECT_EQ(end.error().message, "test.mp4: not one frame could be decoded from 3 packets");
  const auto after = decoder->receive(frame);
  ASSERT_TRUE(after);
  EXPECT_FALSE(*after);
}

TEST(VideoDecoderTest, TurnsFramesUpright) {
  // Brighter to the right as stored; turned by a quarter clockwise, brighter to the bottom.
  auto packets = encode({.size = {96, 64}, .frames = 2, .colour = [](int, int x, int) {
                           return Yuv{40 + x};
                         }});
  for (Packet& packet : packets) packet.orientation = 6;
  const auto decoder = decoder_for(packets);
  Frame frame;
  ASSERT_TRUE(decoder->send(packets[0]));
  ASSERT_TRUE(decoder->send(packets[1]) || true);
  ASSERT_TRUE(decoder->flush());
  const auto received = decoder->receive(frame);
  ASSERT_TRUE(received && *received);
  EXPECT_EQ(frame.size, (Size{64, 96}));
  EXPECT_EQ(frame.source_size, (Size{64, 96}));
  EXPECT_GT(frame.pixels.data()[90 * frame.pitch_bytes], frame.pixels.data()[0] + 50);
}

TEST(VideoDecoderTest, ReusesTheFramesMemory) {
  const auto packets = encode({.frames = 12});
  const auto decoder = decoder_for(packets);
  Frame frame;
  const std::uint8_t* first = nullptr;
  int frames = 0;
  for (const Packet& packet : packets) {
    ASSERT_TRUE(decoder->send(packet));
    for (;;) {
      const auto received = decoder->receive(frame);
      ASSERT_TRUE(received);
      if (!*received) break;
      if (first == nullptr) first = frame.pixels.data();
      EXPECT_EQ(frame.pixels.data(), first);
      ++frames;
    }
  }
  EXPECT_GT(frames, 5);
}

TEST(VideoDecoderTest, SaysWhatIsWrongWithACall) {
  const auto none = VideoDecoder::create(nullptr, "a.mp4", {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "a.mp4: no stream parameters; expected a video's");
  const auto packets = encode({.frames = 1});
  const auto small = VideoDecoder::create(packets[0].stream_parameters, "a.mp4",
                                          {.threads = 1, .pixels_max = 3071});
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, ErrorCode::kOutOfMemory);
  const auto decoder = decoder_for(packets);
  EXPECT_EQ(decoder->send(Packet{}).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(decoder->flush());
  EXPECT_EQ(decoder->send(packets[0]).error().code, ErrorCode::kInvalidArgument);
}

TEST(VideoDecoderTest, GivesTheFramesOfTheZooAsOpenCvDoes) {
  SHOAL_NEED_ZOO("video/car-detection.mp4");
  constexpr std::size_t kFrames = 12;
  const ScratchFolder folder;
  for (const char* name : {"car-detection.mp4", "sam2_05_default_juggle.mp4",
                           "carnd_test_small1.mp4"}) {
    SCOPED_TRACE(name);
    const std::string path = zoo_folder() + "/video/" + name;
    ASSERT_EQ(run_python("src/decode/video_reference.py",
                         "'" + path + "' " + std::to_string(kFrames) + " '" +
                             folder.file("frames.rgb") + "'"), 0);
    const auto reference = read_file(folder.file("frames.rgb"));
    const auto packets = packets_of(path, kFrames + 8);
    ASSERT_FALSE(packets.empty());
    const auto decoder = decoder_for(packets);
    std::vector<std::uint8_t> ours;
    Frame frame;
    const auto collect = [&] {
      for (;;) {
        const auto received = decoder->receive(frame);
        ASSERT_TRUE(received);
        if (!*received) return;
        for (int y = 0; y < frame.size.height && ours.size() < reference.size(); ++y) {
          const std::uint8_t* row = frame.pixels.data() + y * frame.pitch_bytes;
          ours.insert(ours.end(), row, row + 3 * frame.size.width);
        }
      }
    };
    for (const Packet& packet : packets) {
      ASSERT_TRUE(decoder->send(packet));
      collect();
    }
    ASSERT_TRUE(decoder->flush());
    collect();
    ASSERT_EQ(ours.size(), reference.size());
    int largest = 0;
    double sum = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const int delta = std::abs(ours[i] - reference[i]);
      largest = std::max(largest, delta);
      sum += delta;
    }
    // OpenCV's own, newer FFmpeg may convert with another filter for chroma: hence the mean.
    EXPECT_LE(largest, 4);
    EXPECT_LE(sum / static_cast<double>(ours.size()), 1.0);
  }
}

}  // namespace
}  // namespace shoal
