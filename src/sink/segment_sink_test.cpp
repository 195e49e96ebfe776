// Video files of cameras, read back by OpenCV: when they begin and end, what is in them, what goes.
#include "sink/segment_sink.h"

#include <fmt/chrono.h>

#include <ctime>

#include "sink/camera_sink_for_test.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

class SegmentSinkTest : public FolderTest {
 protected:
  std::unique_ptr<CameraSink> open(SegmentOptions options = {}) {
    options.folder = at("video");
    options.limits.free_min = 0;
    auto sink = create_segment_sink(options);
    EXPECT_TRUE(sink) << sink.error().message;
    return std::move(*sink);
  }

  // Frames from `from` to `to`, `apart` of each other.
  static void play(CameraSink& sink, const std::shared_ptr<const CameraIdentity>& camera,
                   std::chrono::milliseconds from, std::chrono::milliseconds to,
                   std::chrono::milliseconds apart, Size size = {64, 48}) {
    CameraResult result;
    for (auto time = from; time < to; time += apart) {
      fill_result(result, camera, static_cast<std::uint64_t>(time / apart), time, size);
      paint(result.outcome, 40, 80, 120);
      const auto written = sink.write(result);
      ASSERT_TRUE(written) << written.error().message;
    }
  }

  // "frames seconds WxH" of each file, sorted by name.
  std::string seen() {
    return python(R"(
import cv2, glob, os
for path in sorted(glob.glob('video/*/*.mp4'), key=lambda name: name[:-4]):
    video, count, last = cv2.VideoCapture(path), 0, 0
    while True:
        ok, frame = video.read()
        if not ok: break
        count, last, size = count + 1, video.get(cv2.CAP_PROP_POS_MSEC), frame.shape[1::-1]
    print(path[6:-4], count, f'{last / 1000:.1f}', f'{size[0]}x{size[1]}')
)");
  }
};

TEST_F(SegmentSinkTest, FilesAreAsLongAsTheyShouldAndNamedByTheirTime) {
  auto sink = open({.segment = 2s});
  EXPECT_TRUE(sink->wants_pixels());
  play(*sink, test_camera("a"), 500ms, 5s, 100ms);
  play(*sink, test_camera("b.2", 2), 0ms, 1s, 250ms);
  EXPECT_TRUE(sink->write(test_alarm("a", 1)));
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(sink->written(), "4 videos");
  EXPECT_EQ(seen(), "a/2026-11-21T08-00-00Z 20 1.9 64x48\n"
                    "a/2026-11-21T08-00-02Z 20 1.9 64x48\n"
                    "a/2026-11-21T08-00-04Z 5 0.4 64x48\n"
                    "b.2/2026-11-21T08-00-00Z 4 0.8 64x48\n");
}

TEST_F(SegmentSinkTest, AnotherSizeAGapOrAClockThatGoesBackBeginAFile) {
  auto sink = open();
  const auto camera = test_camera("a");
  play(*sink, camera, 0ms, 1s, 100ms);
  play(*sink, camera, 1s, 2s, 100ms, {70, 51});
  play(*sink, camera, 14s, 15s, 100ms, {70, 51});   // a gap
  play(*sink, camera, 10s, 11s, 100ms, {70, 51});   // back
  play(*sink, camera, 10s, 10100ms, 100ms, {64, 48});  // a name that is taken
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(seen(), "a/2026-11-21T08-00-00Z 10 0.9 64x48\n"
                    "a/2026-11-21T08-00-01Z 10 0.9 70x52\n"
                    "a/2026-11-21T08-00-10Z 10 0.9 70x52\n"
                    "a/2026-11-21T08-00-10Z-2 1 0.0 64x48\n"
                    "a/2026-11-21T08-00-14Z 10 0.9 70x52\n");
}

TEST_F(SegmentSinkTest, ASlowCameraHasOneFileAllTheSame) {
  auto sink = open({.segment = 300s});
  play(*sink, test_camera("a"), 0s, 200s, 20s);
  ASSERT_TRUE(sink->finish());
  // The second frame comes behind a gap; by the third the rate is known.
  EXPECT_EQ(files("video"), "a/2026-11-21T08-00-00Z.mp4 a/2026-11-21T08-00-20Z.mp4");
}

TEST_F(SegmentSinkTest, BoxesZonesAndLinesAreDrawn) {
  auto sink = open();
  auto camera = std::make_shared<CameraIdentity>(*test_camera("a"));
  camera->zone_shapes = {{{0.5F, 0.1F}, {0.9F, 0.1F}, {0.9F, 0.5F}, {0.5F, 0.5F}}};
  camera->line_shapes = {{{{0.5F, 0.8F}, {0.9F, 0.8F}}}};
  play(*sink, camera, 0ms, 100ms, 100ms, {640, 480});
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(python(R"(
import cv2
ok, frame = cv2.VideoCapture('video/a/2026-11-21T08-00-00Z.mp4').read()
def near(x, y, rgb): return all(abs(int(a) - b) < 60 for a, b in zip(frame[y, x, ::-1], rgb))
print(near(448, 48, (255, 255, 255)), near(576, 140, (255, 255, 255)),
      int(frame[384, 448, 2]) - int(frame[384, 448, 0]) > 60, near(448, 140, (40, 80, 120)))
)"), "True True True True\n");
}

TEST_F(SegmentSinkTest, FramesWithoutPixelsAreLeftOut) {
  auto sink = open();
  CameraResult result;
  fill_result(result, test_camera("a"), 0, 0ms);
  EXPECT_EQ(sink->write(result).error().code, ErrorCode::kInternal);
  result.inferred = false;
  EXPECT_TRUE(sink->write(result));
  result.inferred = true;
  result.outcome.error = Error{ErrorCode::kCorruptInput, "x"};
  EXPECT_TRUE(sink->write(result));
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(sink->written(), "0 videos");
}

TEST_F(SegmentSinkTest, TheOldestFilesGoOverAllCamerasAndRuns) {
  {
    auto sink = open({.segment = 1s});
    play(*sink, test_camera("a"), 0s, 3s, 100ms);
    play(*sink, test_camera("b", 2), 1500ms, 3500ms, 100ms);
    ASSERT_TRUE(sink->finish());
  }
  std::ofstream(at("video/a/notes.mp4")) << "not ours";
  ASSERT_EQ(files("video"), "a/2026-11-21T08-00-00Z.mp4 a/2026-11-21T08-00-01Z.mp4 "
                            "a/2026-11-21T08-00-02Z.mp4 a/notes.mp4 "
                            "b/2026-11-21T08-00-01Z.mp4 b/2026-11-21T08-00-02Z.mp4");
  const auto bytes = static_cast<std::int64_t>(
      std::filesystem::file_size(at("video/a/2026-11-21T08-00-02Z.mp4")) * 5 / 2);
  auto sink = open({.limits = {.bytes_max = bytes}});
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(files("video"), "a/2026-11-21T08-00-02Z.mp4 a/notes.mp4 b/2026-11-21T08-00-02Z.mp4");
}

TEST_F(SegmentSinkTest, FilesBeyondTheAgeGo) {
  std::filesystem::create_directories(at("video/a"));
  for (const char* name : {"2020-01-01T00-00-00Z.mp4", "2020-01-01T00-00-00Z-2.mp4",
                           "2020-01-01T00-00-00Z-x.mp4", "2020-01-01.mp4"}) {
    std::ofstream(at("video/a/") + name) << "x";
  }
  const std::string young = fmt::format("{:%Y-%m-%dT%H-%M-%SZ}.mp4",
                                        fmt::gmtime(std::time(nullptr) - 3600));
  std::ofstream(at("video/a/") + young) << "x";
  auto sink = open({.limits = {.keep_max = std::chrono::hours(24)}});
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(files("video"), "a/2020-01-01.mp4 a/2020-01-01T00-00-00Z-x.mp4 a/" + young);
}

TEST_F(SegmentSinkTest, AClockThatIsYearsAheadTakesNothing) {
  std::filesystem::create_directories(at("video/a"));
  for (const char* name : {"2015-01-01T00-00-00Z.mp4", "2015-01-01T06-00-00Z.mp4"}) {
    std::ofstream(at("video/a/") + name) << "x";
  }
  auto sink = open({.limits = {.keep_max = std::chrono::hours(24)}});
  sink->tick(Clock::now());
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(files("video"), "a/2015-01-01T00-00-00Z.mp4 a/2015-01-01T06-00-00Z.mp4");
}

TEST_F(SegmentSinkTest, AFullDiskIsSaidAndTheOtherCamerasGoOn) {
  auto sink = open();
  std::filesystem::create_directories(at("video/full"));
  std::filesystem::create_symlink("/dev/full", at("video/full/2026-11-21T08-00-00Z.mp4"));
  // The name is taken by a device that is full: as a symlink it exists, so the next name is used.
  play(*sink, test_camera("full"), 0ms, 1s, 100ms);
  std::filesystem::remove_all(at("video/lost"));
  std::ofstream(at("video/lost")) << "a file in place of the folder";
  CameraResult result;
  fill_result(result, test_camera("lost", 2), 0, 0ms);
  paint(result.outcome, 1, 2, 3);
  const auto written = sink->write(result);
  ASSERT_FALSE(written);
  EXPECT_EQ(sink->write(result).error().message, written.error().message);
  play(*sink, test_camera("b", 3), 0ms, 1s, 100ms);
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(sink->written(), "2 videos");
}

TEST_F(SegmentSinkTest, ASegmentWithoutLengthIsRefused) {
  EXPECT_EQ(create_segment_sink({.folder = at("x"), .segment = 0s}).error().code,
            ErrorCode::kInvalidArgument);
  std::ofstream(at("taken")) << "x";
  EXPECT_EQ(create_segment_sink({.folder = at("taken")}).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoal
