// Goal: the specification is understood or refused with advice; frames, pace and truth are right.
// What is drawn is board_test.cpp's.
#include "source/synthetic.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "core/clock.h"
#include "source/board.h"

namespace shoal {
namespace {

std::string refusal(const std::string& spec) {
  const auto source = open_source(spec, {});
  EXPECT_FALSE(source) << spec;
  if (source) return "";
  EXPECT_EQ(source.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(source.error().message.starts_with(spec)) << source.error().message;
  return source.error().message;
}

TEST(SyntheticSourceTest, GivesTheFramesThatTheSpecificationAsksFor) {
  const std::string spec = "synthetic:pcb?size=320x192&fps=10&seed=7&frames=3&defects=5";
  auto source = SyntheticSource::create(spec, {.stream = StreamId{4}});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*source)->item_count(), 3U);
  EXPECT_FALSE((*source)->is_live());
  EXPECT_EQ((*source)->video_format()->size, (Size{320, 192}));
  EXPECT_EQ((*source)->video_format()->frames_per_second, 10);
  const BoardLine line({.width = 320, .height = 192, .seed = 7, .defects_a_board = 5});
  Packet packet;
  for (int i = 0; i < 3; ++i) {
    const auto more = (*source)->next(packet);
    ASSERT_TRUE(more && *more);
    const LineFrame expected = line.frame(i);
    EXPECT_EQ(packet.kind, PacketKind::kPixels);
    EXPECT_EQ(packet.size, (Size{320, 192}));
    EXPECT_EQ(packet.bytes, expected.rgb);
    EXPECT_EQ(packet.frame, static_cast<FrameId>(i));
    EXPECT_EQ(packet.stream, StreamId{4});
    EXPECT_EQ(packet.media_time, std::chrono::milliseconds(100 * i));
    const auto truth = (*source)->truth_of(packet.frame);
    ASSERT_EQ(truth.size(), expected.defects.size());
    for (std::size_t k = 0; k < truth.size(); ++k) {
      EXPECT_EQ(truth[k].class_id, static_cast<int>(expected.defects[k].kind));
      EXPECT_EQ(truth[k].track_id, expected.defects[k].track_id);
      EXPECT_EQ(truth[k].box.x1, static_cast<float>(expected.defects[k].box.x0));
      EXPECT_EQ(truth[k].box.y2, static_cast<float>(expected.defects[k].box.y1));
    }
  }
  for (int i = 0; i < 2; ++i) {
    const auto end = (*source)->next(packet);
    ASSERT_TRUE(end);
    EXPECT_FALSE(*end);
  }
}

TEST(SyntheticSourceTest, HasNoEndAndAllDefaultsWhereNothingIsSaid) {
  const auto source = open_source("synthetic:pcb?size=64x64", {});
  ASSERT_TRUE(source);
  EXPECT_FALSE((*source)->item_count());
  EXPECT_EQ((*source)->video_format()->frames_per_second, 25);
}

TEST(SyntheticSourceTest, RefusesWhatItDoesNotKnowWithASuggestion) {
  EXPECT_NE(refusal("synthetic:pcb?sized=64x64").find("did you mean 'size'"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pbc").find("expected pcb"), std::string::npos);
  // More than any camera: one picture would take gigabytes.
  EXPECT_NE(refusal("synthetic:pcb?size=16384x16384").find("7680x4320"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?size=64").find("WIDTHxHEIGHT"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?size=64x15").find("got '64x15'"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?fps=0").find("fps: expected"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?fps=nan").find("fps: expected"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?frames=-1").find("frames: expected"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?seed=1x").find("seed: expected"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?defects=17").find("0 to 16"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?pace=slow").find("live or fast"), std::string::npos);
  EXPECT_NE(refusal("synthetic:pcb?frames").find("frames: expected"), std::string::npos);
}

TEST(SyntheticSourceTest, PlaysInRealTimeWhereAskedTo) {
  const auto source = open_source("synthetic:pcb?size=64x64&fps=50&frames=11&pace=live", {});
  ASSERT_TRUE(source);
  EXPECT_TRUE((*source)->is_live());
  Packet packet;
  const TimePoint start = Clock::now();
  while (*(*source)->next(packet)) {
  }
  const double elapsed = to_milliseconds(Clock::now() - start);
  EXPECT_GE(elapsed, 199);  // ten gaps of 20 ms
  EXPECT_LT(elapsed, 1500);
}

TEST(SyntheticSourceTest, WakesUpWhenItIsStopped) {
  const auto source = open_source("synthetic:pcb?size=64x64&fps=0.01&pace=live", {});
  ASSERT_TRUE(source);
  Packet packet;
  ASSERT_TRUE(*(*source)->next(packet));
  std::jthread stopper([&] { (*source)->request_stop(); });
  const TimePoint start = Clock::now();
  const auto stopped = (*source)->next(packet);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_LT(to_milliseconds(Clock::now() - start), 5000);
}

}  // namespace
}  // namespace shoal
