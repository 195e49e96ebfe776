// Goal: the frames of every kind of packet, with VideoDecoder's pixels, through changes of codec
// and size, reduced where asked for, without an allocation a frame. Damage: stream_damage_test.cpp.
#include "decode/stream_decoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "core/counted_allocations.h"
#include "core/fixtures_test.h"
#include "decode/decoded_frames_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

void expect_equal(const std::vector<Given>& given,
                  const std::map<std::chrono::nanoseconds, std::uint64_t>& reference) {
  ASSERT_EQ(given.size(), reference.size());
  auto expected = reference.begin();
  for (const Given& one : given) {  // in order of presentation
    EXPECT_EQ(one.time, expected->first);
    EXPECT_EQ(one.hash, expected->second) << one.time.count();
    ++expected;
  }
}

TEST(StreamDecoderTest, GivesVideoDecodersFramesToTheBit) {
  for (const char* codec : {"libx264", "libx265", "mjpeg"}) {
    for (const int b_frames : {0, 3}) {
      if (codec == std::string("mjpeg") && b_frames > 0) continue;
      SCOPED_TRACE(codec + std::to_string(b_frames));
      const auto packets = encode({.size = {98, 66}, .frames = 30, .b_frames = b_frames,
                                   .codec = codec, .colour = moving_texture});
      StreamDecoder decoder("test");
      expect_equal(give_all(decoder, packets), reference_of(packets));
      EXPECT_EQ(decoder.counts().packets, 30U);
      EXPECT_EQ(decoder.counts().frames, 30U);
      EXPECT_EQ(decoder.counts().damaged, 0U);
      EXPECT_EQ(decoder.counts().format_changes, 0U);
      EXPECT_EQ(decoder.is_intra_only(), std::string(codec) == "mjpeg");
    }
  }
}

TEST(StreamDecoderTest, GivesVideoDecodersFramesOfTheZoo) {
  SHOAL_NEED_ZOO("video/car-detection.mp4");
  for (const char* name : {"car-detection.mp4", "sam2_05_default_juggle.mp4",
                           "carnd_small2_up1920x1080_h264.mp4"}) {
    SCOPED_TRACE(name);
    const auto packets = packets_of(zoo_folder() + "/video/" + name, 60);
    ASSERT_FALSE(packets.empty());
    StreamDecoder decoder("test");
    expect_equal(give_all(decoder, packets), reference_of(packets));
    EXPECT_EQ(decoder.codec(), "h264");
    EXPECT_EQ(decoder.counts().damaged, 0U);
  }
}

TEST(StreamDecoderTest, FollowsOtherParametersAndOtherSizesWithinTheStream) {
  auto packets = encode({.size = {64, 48}, .frames = 10, .b_frames = 2});
  const auto declared = encode({.size = {96, 80}, .frames = 10, .b_frames = 2});
  append(packets, declared, milliseconds(400));
  auto in_band = encode({.size = {48, 64}, .frames = 10});
  for (Packet& packet : in_band) packet.stream_parameters = declared.front().stream_parameters;
  append(packets, in_band, milliseconds(800));
  append(packets, encode({.size = {48, 64}, .frames = 10, .codec = "mjpeg"}), milliseconds(1200));
  StreamDecoder decoder("test");
  const auto given = give_all(decoder, packets);
  ASSERT_EQ(given.size(), 40U);
  for (std::size_t i = 0; i < given.size(); ++i) {
    EXPECT_EQ(given[i].time, milliseconds(40 * i));
    EXPECT_EQ(given[i].size, i < 10 ? (Size{64, 48}) : i < 20 ? (Size{96, 80}) : (Size{48, 64}));
  }
  EXPECT_EQ(decoder.counts().format_changes, 3U);
  EXPECT_EQ(decoder.counts().damaged, 0U);
  EXPECT_EQ(decoder.codec(), "mjpeg");
}

TEST(StreamDecoderTest, TheSameParametersAgainAreNoChange) {
  auto packets = encode({.frames = 10});
  append(packets, encode({.frames = 10}), milliseconds(400));  // another pointer, as in a loop
  StreamDecoder decoder("test");
  EXPECT_EQ(give_all(decoder, packets).size(), 20U);
  EXPECT_EQ(decoder.counts().format_changes, 0U);
}

TEST(StreamDecoderTest, TakesPicturesAndPixelsToo) {
  Packet pixels;
  pixels.kind = PacketKind::kPixels;
  pixels.size = {50, 30};
  for (int i = 0; i < 50 * 30 * 3; ++i) pixels.bytes.push_back(static_cast<std::uint8_t>(i * 7));
  pixels.media_time = milliseconds(40);
  StreamDecoder decoder("test");
  Frame frame;
  ASSERT_TRUE(decoder.send(pixels));
  EXPECT_TRUE(decoder.is_intra_only());
  const std::vector<std::uint8_t> sent = std::exchange(pixels.bytes, {});  // it keeps its own
  const auto next = decoder.next();
  ASSERT_TRUE(next && *next);
  EXPECT_TRUE((*next)->key);
  EXPECT_EQ((*next)->media_time, milliseconds(40));
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_TRUE(decoder.convert(frame));
    ASSERT_EQ(frame.size, (Size{50, 30}));
    for (int y = 0; y < 30; ++y) {
      EXPECT_EQ(std::memcmp(frame.pixels.data() + y * frame.pitch_bytes, &sent[y * 150U], 150), 0);
    }
  }
  EXPECT_FALSE(*decoder.next());

  auto jpegs = encode({.size = {64, 48}, .frames = 2, .codec = "mjpeg"});
  jpegs[0].kind = PacketKind::kPicture;
  jpegs[1].kind = PacketKind::kPicture;
  ASSERT_TRUE(decoder.send(jpegs[0]));
  ASSERT_TRUE(*decoder.next());
  ASSERT_TRUE(decoder.convert(frame));
  EXPECT_EQ(frame.size, (Size{64, 48}));
  EXPECT_NEAR(frame.pixels.data()[0], 60, 3);  // full range
  jpegs[1].bytes.resize(jpegs[1].bytes.size() / 2);
  ASSERT_TRUE(decoder.send(jpegs[1]));
  EXPECT_FALSE(*decoder.next());
  EXPECT_EQ(decoder.counts().damaged, 1U);
  EXPECT_EQ(decoder.counts().format_changes, 1U);
}

TEST(StreamDecoderTest, ReducesInOnePassAndKeepsTheSourcesSize) {
  const EncodeOptions options{.size = {320, 180}, .frames = 1, .colour = [](int, int x, int y) {
                                return Yuv{40 + x / 2, 100 + y / 4, 128};
                              }};
  for (const int orientation : {1, 6}) {
    auto packets = encode(options);
    packets[0].orientation = orientation;
    StreamDecoder decoder("test");
    ASSERT_TRUE(decoder.send(packets[0]));
    decoder.finish();
    ASSERT_TRUE(*decoder.next());
    Frame whole;
    Frame small;
    ASSERT_TRUE(decoder.convert(whole));
    ASSERT_TRUE(decoder.convert(small, 160));
    const Size upright_size = orientation == 1 ? Size{320, 180} : Size{180, 320};
    EXPECT_EQ(whole.size, upright_size);
    EXPECT_EQ(small.size, (Size{upright_size.width / 2, upright_size.height / 2}));
    EXPECT_EQ(small.source_size, upright_size);
    // A smooth picture: each small pixel is the mean of the four it stands for.
    for (int y = 4; y < small.size.height - 4; ++y) {
      for (int x = 4; x < small.size.width - 4; ++x) {
        for (int c = 0; c < 3; ++c) {
          const auto at = [&](int dx, int dy) {
            return static_cast<int>(
                whole.pixels.data()[(2 * y + dy) * whole.pitch_bytes + 3 * (2 * x + dx) + c]);
          };
          const int mean = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4;
          ASSERT_NEAR(small.pixels.data()[y * small.pitch_bytes + 3 * x + c], mean, 4)
              << x << ' ' << y << ' ' << c << " turned " << orientation;
        }
      }
    }
    ASSERT_TRUE(decoder.convert(small, 1000));
    EXPECT_EQ(small.size, upright_size);
    ASSERT_TRUE(decoder.convert(small, 1));
    EXPECT_EQ(small.size, (Size{1, 1}));
  }
}

TEST(StreamDecoderTest, SkipsOnlyFramesThatNoOtherNeeds) {
  const auto packets = encode({.frames = 40, .b_frames = 3, .colour = moving_texture});
  const auto reference = reference_of(packets);
  StreamDecoder decoder("test");
  decoder.skip_unreferenced(true);
  const auto few = give_all(decoder, packets);
  EXPECT_LT(few.size(), 35U);
  EXPECT_GT(few.size(), 8U);
  for (const Given& one : few) EXPECT_EQ(one.hash, reference.at(one.time));
  EXPECT_EQ(decoder.counts().damaged, 0U);
  EXPECT_EQ(few.size() + decoder.counts().unreferenced, 40U) << "none is left out uncounted";
  decoder.skip_unreferenced(false);
  EXPECT_EQ(give_all(decoder, packets).size(), 40U);
}

TEST(StreamDecoderTest, ARestartWaitsForAKeyFrame) {
  const auto packets = encode({.frames = 30, .group = 10});
  StreamDecoder decoder("test");
  std::vector<Given> given;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i == 15) decoder.restart();
    ASSERT_TRUE(decoder.send(packets[i]));
    take_frames(decoder, given);
  }
  EXPECT_EQ(decoder.counts().before_key, 5U);
  EXPECT_EQ(given.back().time, milliseconds(40 * 29));
  for (const Given& one : given) {
    EXPECT_FALSE(one.time >= milliseconds(600) && one.time < milliseconds(800));
  }
}

TEST(StreamDecoderTest, AllocatesNothingOfItsOwnPerFrame) {
  const auto packets = encode({.size = {128, 96}, .frames = 60, .b_frames = 2});
  StreamDecoder decoder("test");
  Frame whole;
  Frame small;
  const auto run = [&](std::size_t from, std::size_t to) {
    int frames = 0;
    for (std::size_t i = from; i < to; ++i) {
      if (!decoder.send(packets[i])) break;
      while (*decoder.next()) {
        frames += decoder.convert(whole) && decoder.convert(small, 64) ? 1 : 0;
      }
    }
    return frames;
  };
  EXPECT_GT(run(0, 30), 20);
  const std::size_t before = counted_allocations();
  const int frames = run(30, 60);
  EXPECT_EQ(counted_allocations() - before, 0U);
  EXPECT_GT(frames, 20);
}

TEST(StreamDecoderTest, RefusesFramesAboveTheLimitWhereverTheirSizeStands) {
  auto packets = encode({.size = {64, 48}, .frames = 5});
  StreamDecoder declared("camera", {.pixels_max = 3071});
  for (int again = 0; again < 2; ++again) {
    const auto refused = declared.send(packets[0]);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kOutOfMemory);
    EXPECT_EQ(refused.error().message,
              "camera: frames of 64x48 pixels; expected at most 3071 pixels");
  }
  StreamDecoder in_band("camera", {.pixels_max = 3072});
  std::vector<Given> given;
  for (const Packet& packet : packets) {
    ASSERT_TRUE(in_band.send(packet));
    take_frames(in_band, given);
  }
  auto larger = encode({.size = {128, 80}, .frames = 3});
  larger[0].stream_parameters = packets[0].stream_parameters;
  const auto refused = in_band.send(larger[0]);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(refused.error().message,
            "camera: frames of 128x80 pixels; expected at most 3072 pixels");
  append(packets, encode({.size = {64, 48}, .frames = 5}), milliseconds(400));
  for (std::size_t i = 5; i < packets.size(); ++i) {
    ASSERT_TRUE(in_band.send(packets[i]));
    take_frames(in_band, given);
  }
  EXPECT_EQ(given.size(), 10U);
  Packet pixels;
  pixels.kind = PacketKind::kPixels;
  pixels.size = {64, 64};
  pixels.bytes.resize(64 * 64 * 3);
  EXPECT_EQ(in_band.send(pixels).error().code, ErrorCode::kOutOfMemory);
}

TEST(StreamDecoderTest, SaysWhatIsWrongWithACall) {
  StreamDecoder decoder("camera");
  Frame frame;
  EXPECT_EQ(decoder.convert(frame).error().message,
            "camera: no frame to convert; next() gave none");
  EXPECT_EQ(decoder.codec(), "");
  EXPECT_FALSE(*decoder.next());
  Packet packet;
  packet.kind = PacketKind::kVideo;
  packet.bytes = {1, 2, 3};
  EXPECT_EQ(decoder.send(packet).error().code, ErrorCode::kInvalidArgument);
  auto unknown = encode({.frames = 1});
  const auto other = copy_parameters(
      *static_cast<const AVCodecParameters*>(unknown[0].stream_parameters.get()));
  std::const_pointer_cast<AVCodecParameters>(
      std::static_pointer_cast<const AVCodecParameters>(other))->codec_id = AV_CODEC_ID_PROBE;
  unknown[0].stream_parameters = other;
  EXPECT_EQ(decoder.send(unknown[0]).error().code, ErrorCode::kUnsupported);
  Packet wrong;
  wrong.kind = PacketKind::kPixels;
  wrong.size = {4, 4};
  wrong.bytes = {1};
  EXPECT_TRUE(decoder.send(wrong));
  EXPECT_FALSE(*decoder.next());
  EXPECT_EQ(decoder.counts().damaged, 1U);
}

}  // namespace
}  // namespace shoal
