// Goal: videos give every packet once, cut ones their whole packets and then one error, and a bad
// one does not stop what comes after. Method: files that video_files.py writes with OpenCV.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fixtures_test.h"
#include "source/source.h"
#include "core/stream_url.h"

namespace shoal {
namespace {

struct Outcome {
  int packets = 0;
  std::vector<Error> errors;
  std::vector<std::optional<std::chrono::nanoseconds>> times;
};

Outcome read_all(Source& source) {
  Outcome outcome;
  Packet packet;
  for (;;) {
    const auto more = source.next(packet);
    if (!more) {
      EXPECT_TRUE(more.error().message.starts_with(packet.name)) << more.error().message;
      outcome.errors.push_back(more.error());
      continue;
    }
    if (!*more) return outcome;
    if (packet.kind == PacketKind::kVideo) {
      EXPECT_EQ(packet.frame, static_cast<FrameId>(outcome.times.size()));
      EXPECT_FALSE(packet.bytes.empty());
      EXPECT_NE(packet.stream_parameters, nullptr);
      outcome.times.push_back(packet.media_time);
    }
    ++outcome.packets;
  }
}

class VideoSourceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    ASSERT_EQ(run_python("src/source/video_files.py", folder_->path() + " 2>/dev/null"), 0);
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static Result<std::unique_ptr<Source>> open(const std::string& name,
                                              const SourceOptions& options = {}) {
    return open_source(folder_->file(name), options);
  }

  static inline std::unique_ptr<ScratchFolder> folder_;
};

TEST_F(VideoSourceTest, GivesEveryPacketOfEveryContainer) {
  for (const char* name : {"whole.mp4", "faststart.mp4", "whole.avi", "whole.mkv", "whole.ts",
                           "whole.mpg", "turned.mp4"}) {
    SCOPED_TRACE(name);
    const auto source = open(name);
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_FALSE((*source)->is_live());
    ASSERT_TRUE((*source)->video_format());
    EXPECT_NEAR((*source)->video_format()->frames_per_second, 25, 0.01);
    const auto count = (*source)->item_count();
    EXPECT_NEAR(static_cast<double>(count.value_or(50)), 50, 1);
    const Outcome outcome = read_all(**source);
    EXPECT_EQ(outcome.packets, 50);
    EXPECT_TRUE(outcome.errors.empty()) << outcome.errors[0].message;
    for (std::size_t i = 0; i < outcome.times.size(); ++i) {
      ASSERT_TRUE(outcome.times[i]) << i;
      const double expected = 4e7 * static_cast<double>(i);
      EXPECT_NEAR(static_cast<double>(outcome.times[i]->count()), expected, 2e6);
    }
  }
}

TEST_F(VideoSourceTest, KnowsSizeAndTurnOfAVideo) {
  EXPECT_EQ((*open("whole.mp4"))->video_format()->size, (Size{160, 120}));
  const auto turned = open("turned.mp4");
  EXPECT_EQ((*turned)->video_format()->size, (Size{120, 160}));
  Packet packet;
  ASSERT_TRUE(*(*turned)->next(packet));
  EXPECT_EQ(packet.orientation, 6);
}

TEST_F(VideoSourceTest, GivesTheWholePacketsOfACutVideoAndThenOneError) {
  for (const char* name : {"cut_faststart.mp4", "cut_whole.avi", "cut_whole.mkv", "cut_whole.ts",
                           "cut_whole.mpg"}) {
    SCOPED_TRACE(name);
    const auto source = open(name);
    ASSERT_TRUE(source) << source.error().message;
    const Outcome outcome = read_all(**source);
    EXPECT_GT(outcome.packets, 20);
    EXPECT_LT(outcome.packets, 40);
    ASSERT_EQ(outcome.errors.size(), 1U);
    EXPECT_EQ(outcome.errors[0].code, ErrorCode::kCorruptInput);
    EXPECT_NE(outcome.errors[0].message.find("ends in the middle of a packet, after " +
                                             std::to_string(outcome.packets) + " whole ones"),
              std::string::npos)
        << outcome.errors[0].message;
  }
}

TEST_F(VideoSourceTest, SaysWhyAVideoCannotBeOpened) {
  const auto cut = open("cut_whole.mp4");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kCorruptInput);
  EXPECT_NE(cut.error().message.find("cut off or not a video: moov atom not found"),
            std::string::npos) << cut.error().message;
  write_file(folder_->file("empty.mp4"), std::string());
  EXPECT_EQ(open("empty.mp4").error().message,
            folder_->file("empty.mp4") + ": the file is empty; expected a video");
  write_file(folder_->file("text.mp4"), std::string("no video at all\n"));
  const auto text = open("text.mp4");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kCorruptInput) << text.error().message;
  std::filesystem::copy_file(folder_->file("sound.wav"), folder_->file("sound.mkv"),
                             std::filesystem::copy_options::overwrite_existing);
  const auto sound = open("sound.mkv");
  ASSERT_FALSE(sound);
  EXPECT_NE(sound.error().message.find("expected a video stream; got none among 1 streams"),
            std::string::npos) << sound.error().message;
}

TEST_F(VideoSourceTest, NamesAVideoWithoutFrames) {
  for (const char* name : {"no_frames.avi", "no_frames.mp4"}) {
    const auto source = open(name);
    const Error error = source ? [&] {
      const Outcome outcome = read_all(**source);
      EXPECT_EQ(outcome.packets, 0);
      EXPECT_EQ(outcome.errors.size(), 1U);
      return outcome.errors.empty() ? Error{} : outcome.errors[0];
    }() : source.error();
    EXPECT_EQ(error.code, ErrorCode::kCorruptInput) << error.message;
    EXPECT_TRUE(error.message.starts_with(folder_->file(name))) << error.message;
    EXPECT_TRUE(error.message.ends_with("holds no frames") ||
                error.message.find("expected a video stream") != std::string::npos)
        << error.message;
  }
}

TEST_F(VideoSourceTest, GoesOnBehindABadVideoInAList) {
  write_file(folder_->file("list.txt"),
             std::string("whole.mp4\nabsent.mp4\ncut_whole.mp4\npicture.jpg\nwhole.avi\n"));
  write_file(folder_->file("picture.jpg"), std::string("x"));
  const auto source = open("list.txt");
  ASSERT_TRUE(source);
  Packet packet;
  std::vector<std::string> names;
  std::vector<const void*> streams;
  int errors = 0;
  for (;;) {
    const auto more = (*source)->next(packet);
    if (more && !*more) break;
    errors += more ? 0 : 1;
    if (names.empty() || names.back() != packet.name) {
      names.push_back(packet.name);
      if (more) streams.push_back(packet.stream_parameters.get());
    }
  }
  EXPECT_EQ(errors, 2);
  ASSERT_EQ(names.size(), 5U);
  EXPECT_TRUE(names[1].ends_with("absent.mp4"));
  EXPECT_TRUE(names[4].ends_with("whole.avi"));
  ASSERT_EQ(streams.size(), 3U);
  EXPECT_NE(streams[0], streams[2]);
  EXPECT_EQ(streams[1], nullptr);
}

TEST_F(VideoSourceTest, PlaysAFileInRealTimeWhereAskedTo) {
  const auto source = open("whole.mp4", {.pace = Pace::kLive});
  ASSERT_TRUE(source);
  EXPECT_TRUE((*source)->is_live());
  Packet packet;
  const TimePoint start = Clock::now();
  for (int i = 0; i < 11; ++i) ASSERT_TRUE(*(*source)->next(packet));
  const double elapsed = to_milliseconds(Clock::now() - start);
  EXPECT_GE(elapsed, 395);  // ten gaps of 40 ms
  EXPECT_LT(elapsed, 3000);
  (*source)->request_stop();
  EXPECT_EQ((*source)->next(packet).error().code, ErrorCode::kCancelled);
}

TEST_F(VideoSourceTest, ALoopGoesOnWithRisingTimesAndNewParametersEachRound) {
  for (const char* name : {"whole.mp4", "cut_whole.avi", "cut_whole.ts"}) {
    SCOPED_TRACE(name);
    const auto once = open(name);
    const Outcome outcome = read_all(**once);
    const auto source = open(name, {.loop = true});
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_FALSE((*source)->item_count());
    Packet packet;
    std::vector<std::chrono::nanoseconds> times;
    std::vector<StreamParameters> rounds;
    for (int i = 0; i < 3 * outcome.packets; ++i) {
      const auto more = (*source)->next(packet);
      ASSERT_TRUE(more) << more.error().message;
      ASSERT_TRUE(*more);
      if (rounds.empty() || rounds.back() != packet.stream_parameters) {
        EXPECT_TRUE(packet.key_frame);
        rounds.push_back(packet.stream_parameters);
      }
      times.push_back(*packet.media_time);
    }
    EXPECT_EQ(rounds.size(), 3U);
    for (std::size_t i = 1; i < times.size(); ++i) {
      EXPECT_NEAR(static_cast<double>((times[i] - times[i - 1]).count()), 4e7, 2e6) << i;
    }
  }
}

TEST_F(VideoSourceTest, ALoopKeepsItsPaceFromRoundToRound) {
  const auto source = open("whole.mp4", {.pace = Pace::kLive, .loop = true});
  ASSERT_TRUE(source);
  Packet packet;
  ASSERT_TRUE(*(*source)->next(packet));
  const TimePoint start = Clock::now();
  for (int i = 1; i < 60; ++i) ASSERT_TRUE(*(*source)->next(packet));
  EXPECT_EQ(packet.media_time, std::chrono::milliseconds(59 * 40));
  EXPECT_GE(to_milliseconds(Clock::now() - start), 59 * 40 - 5);
}

TEST_F(VideoSourceTest, ALoopOfNothingEnds) {
  write_file(folder_->file("none.txt"), std::string("absent.mp4\nno_frames.avi\n"));
  const auto source = open("none.txt", {.loop = true});
  ASSERT_TRUE(source);
  EXPECT_EQ(read_all(**source).errors.size(), 2U);
}

TEST_F(VideoSourceTest, APictureInALoopComesTwentyFiveTimesASecond) {
  write_file(folder_->file("still.jpg"), std::string("any bytes"));
  const auto source = open("still.jpg", {.pace = Pace::kLive, .loop = true});
  ASSERT_TRUE(source);
  Packet packet;
  const TimePoint start = Clock::now();
  for (std::uint64_t i = 0; i < 11; ++i) {
    ASSERT_TRUE(*(*source)->next(packet));
    EXPECT_EQ(packet.frame, FrameId{i});
    EXPECT_EQ(packet.bytes.size(), 9U);
  }
  EXPECT_GE(to_milliseconds(Clock::now() - start), 395);
}

// Opening a pipe waits for its writer, which no stop ends.
TEST(VideoPlaceTest, PipesAreRefusedWhereverTheyStand) {
  const ScratchFolder folder;
  const std::string pipe = folder.file("pipe.mp4");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  ASSERT_EQ(symlink(pipe.c_str(), folder.file("link.mp4").c_str()), 0);
  for (const std::string& place : {pipe, "file:" + pipe, folder.file("link.mp4")}) {
    const auto source = open_source(place, {});
    ASSERT_FALSE(source) << place;
    EXPECT_EQ(source.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(source.error().message.find("a pipe or device"), std::string::npos);
  }
  ASSERT_EQ(symlink("/dev/zero", folder.file("zero.mp4").c_str()), 0);
  EXPECT_FALSE(open_source(folder.file("zero.mp4"), {}));
  // A playlist is opened by libavformat, which opens what stands in it.
  ASSERT_EQ(mkfifo(folder.file("part.ts").c_str(), 0600), 0);
  write_file(folder.file("list.ts"),
             std::string("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n"
                         "#EXT-X-ENDLIST\n"));
  EXPECT_FALSE(open_source(folder.file("list.ts"), {}));
}

}  // namespace
}  // namespace shoal
