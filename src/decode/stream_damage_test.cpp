// Goal: no grey, smeared or made-up frame ever comes out of a stream, and good ones come again from
// the next key frame on. Method: streams with pieces missing; each frame that is given has to be,
// to the bit, the frame of that time of the whole stream.
#include <algorithm>
#include <cstddef>
#include <set>

#include "decode/decoded_frames_test.h"

#ifdef __SANITIZE_ADDRESS__
// The encoder that makes the streams keeps some of its parameters for ever.
extern "C" const char* __lsan_default_suppressions() { return "leak:libx265.so\n"; }
#endif

namespace shoal {
namespace {

constexpr int kGroup = 10;

EncodeOptions options_for(const std::string& codec, int b_frames) {
  return {.size = {96, 64}, .frames = 40, .b_frames = b_frames, .group = kGroup, .codec = codec,
          .colour = moving_texture};
}

struct Checked {
  std::set<std::int64_t> frames;  // numbers of those given
  StreamDecoderCounts counts;
};

Checked check(const std::vector<Packet>& packets,
              const std::map<std::chrono::nanoseconds, std::uint64_t>& reference) {
  StreamDecoder decoder("test");
  Checked checked;
  for (const Given& one : give_all(decoder, packets)) {
    const auto expected = reference.find(one.time);
    EXPECT_NE(expected, reference.end());
    const std::int64_t number = one.time.count() / 40'000'000;
    EXPECT_EQ(one.hash, expected->second) << "frame " << number << " is not the real one";
    checked.frames.insert(number);
  }
  checked.counts = decoder.counts();
  return checked;
}

// Where the group after the one of packet `at` begins, and everything from there is given.
void expect_back_from_next_group(const Checked& checked, const std::vector<Packet>& packets,
                                 std::size_t at) {
  std::size_t key = at + 1;
  while (key < packets.size() && !packets[key].key_frame) ++key;
  for (std::size_t i = key; i < packets.size(); ++i) {
    if (packets[i].media_time < packets[key].media_time) continue;  // leans on the group before
    const std::int64_t number = packets[i].media_time->count() / 40'000'000;
    EXPECT_TRUE(checked.frames.contains(number)) << "frame " << number << " is missing";
  }
}

class DamageTest : public testing::TestWithParam<std::pair<std::string, int>> {};

TEST_P(DamageTest, JoinsAtAKeyFrameWhereverItBegins) {
  const auto packets = encode(options_for(GetParam().first, GetParam().second));
  const auto reference = reference_of(packets);
  for (std::size_t first = 0; first < 12; ++first) {
    SCOPED_TRACE(first);
    const std::vector<Packet> rest(packets.begin() + static_cast<std::ptrdiff_t>(first),
                                   packets.end());
    const Checked checked = check(rest, reference);
    const auto key = std::find_if(rest.begin(), rest.end(),
                                  [](const Packet& packet) { return packet.key_frame; });
    EXPECT_EQ(checked.counts.before_key, static_cast<std::uint64_t>(key - rest.begin()));
    EXPECT_EQ(checked.counts.frames, checked.frames.size());
    EXPECT_EQ(checked.counts.damaged, 0U);
    expect_back_from_next_group(checked, packets, first == 0 ? 0 : first - 1);
  }
}

TEST_P(DamageTest, APacketThatNobodyMissedEndsTheGroup) {
  const auto packets = encode(options_for(GetParam().first, GetParam().second));
  const auto reference = reference_of(packets);
  for (std::size_t lost = 1; lost < 25; ++lost) {
    SCOPED_TRACE(lost);
    auto rest = packets;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(lost));
    const Checked checked = check(rest, reference);
    expect_back_from_next_group(checked, packets, packets[lost].key_frame ? lost + 1 : lost);
  }
}

TEST_P(DamageTest, APacketThatIsCutOffEndsTheGroup) {
  // A slice of HEVC that is cut off decodes without a contradiction (zeros behind its end are
  // symbols), and FFmpeg says nothing. Sources notice: they see the packets that are missing.
  if (GetParam().first == "libx265") return;
  const auto packets = encode(options_for(GetParam().first, GetParam().second));
  const auto reference = reference_of(packets);
  for (std::size_t cut = 0; cut < 25; ++cut) {
    for (const std::size_t part : {2U, 3U, 10U}) {
      SCOPED_TRACE(std::to_string(cut) + " / " + std::to_string(part));
      auto rest = packets;
      rest[cut].bytes.resize(rest[cut].bytes.size() / part);
      const Checked checked = check(rest, reference);
      EXPECT_GE(checked.counts.damaged, 1U);
      expect_back_from_next_group(checked, packets, cut);
    }
  }
}

TEST_P(DamageTest, APacketThatTheSourceCallsDamagedIsNotDecoded) {
  const auto packets = encode(options_for(GetParam().first, GetParam().second));
  const auto reference = reference_of(packets);
  for (std::size_t bad = 0; bad < 25; ++bad) {
    SCOPED_TRACE(bad);
    auto rest = packets;
    rest[bad].damaged = true;
    std::fill(rest[bad].bytes.begin() + 5, rest[bad].bytes.end(), std::uint8_t{0x5A});
    const Checked checked = check(rest, reference);
    EXPECT_EQ(checked.counts.damaged, 1U);
    expect_back_from_next_group(checked, packets, bad);
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, DamageTest,
                         testing::Values(std::pair<std::string, int>("libx264", 0),
                                         std::pair<std::string, int>("libx264", 3),
                                         std::pair<std::string, int>("libx265", 0),
                                         std::pair<std::string, int>("libx265", 3),
                                         std::pair<std::string, int>("mjpeg", 0)),
                         [](const auto& parameters) {
                           return parameters.param.first + "_b" +
                                  std::to_string(parameters.param.second);
                         });

TEST(StreamDamageTest, AnOpenGroupsLeadingFramesAreNotGivenWithoutTheGroupBefore) {
  for (const char* codec : {"libx264", "libx265"}) {
    SCOPED_TRACE(codec);
    EncodeOptions options = options_for(codec, 3);
    options.codec_options = "open-gop=1:keyint=10:min-keyint=10";
    const auto packets = encode(options);
    const auto reference = reference_of(packets);
    for (std::size_t first = 1; first < 25; first += 3) {
      const std::vector<Packet> rest(packets.begin() + static_cast<std::ptrdiff_t>(first),
                                     packets.end());
      const Checked checked = check(rest, reference);
      EXPECT_GE(checked.frames.size(), 10U);
    }
  }
}

TEST(StreamDamageTest, GarbageGivesNothingAndAGoodStreamBehindItEverything) {
  const auto good = encode(options_for("libx264", 0));
  const auto reference = reference_of(good);
  auto packets = good;
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < 200; ++i) {
    Packet garbage = good[i % good.size()];
    for (std::uint8_t& byte : garbage.bytes) {
      state = state * 1664525U + 1013904223U;
      byte = static_cast<std::uint8_t>(state >> 24);
    }
    packets.insert(packets.begin(), garbage);
  }
  const Checked checked = check(packets, reference);
  EXPECT_EQ(checked.frames.size(), good.size());
  EXPECT_GE(checked.counts.damaged + checked.counts.before_key, 200U);
}

}  // namespace
}  // namespace shoal
