// Saved pictures and videos, read back by OpenCV.
#include "sink/annotated_sink.h"

#include "sink/annotate.h"
#include "sink/outcome_for_test.h"

namespace shoal {
namespace {

class AnnotatedSinkTest : public FolderTest {
 protected:
  std::unique_ptr<Sink> open(AnnotatedOptions options = {}) {
    options.directory = at("out");
    options.class_names = {"person"};
    auto sink = create_annotated_sink(options);
    EXPECT_TRUE(sink) << sink.error().message;
    return std::move(*sink);
  }

  Outcome painted(const std::string& source, Size size) {
    Outcome outcome = answered(source, size);
    paint(outcome, 200, 100, 50);
    return outcome;
  }

  // Frames first..last-1 at this rate; each in its own shade.
  void play(Sink& sink, const std::string& source, Size size, int first, int last, double rate) {
    Outcome outcome = answered(source, size, {detection(0, 0.5F, {20, 20, 40, 40})});
    for (int i = first; i < last; ++i) {
      make_frame_of_video(outcome, i, rate);
      paint(outcome, static_cast<std::uint8_t>(i * 8), 100, 50);
      const auto written = sink.write(outcome);
      ASSERT_TRUE(written) << written.error().message;
    }
  }

  // "frames WxH fps" as OpenCV sees the video, every frame decoded.
  std::string seen(const std::string& video) {
    return python("import cv2\nvideo = cv2.VideoCapture('out/" + video + R"(')
count, size = 0, None
while True:
    ok, frame = video.read()
    if not ok: break
    count, size = count + 1, frame.shape[1::-1]
print(f"{count} {size[0]}x{size[1]} {video.get(cv2.CAP_PROP_FPS):.3f}")
)");
  }
};

TEST_F(AnnotatedSinkTest, PicturesKeepNameKindAndSize) {
  auto sink = open();
  EXPECT_TRUE(sink->wants_pixels());
  for (const char* source : {"in/a.jpg", "in/b.PNG", "in/c.webp", "in/d.JPEG", "e",
                             "http://host/f.png?x=1"}) {
    ASSERT_TRUE(sink->write(painted(source, {65, 47})));
  }
  ASSERT_TRUE(sink->write(failed("in/g.jpg", ErrorCode::kCorruptInput, "x")));
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(files("out"), "a.jpg b.PNG c.jpg d.JPEG e.jpg f.png");
  EXPECT_EQ(sink->written(), "6 pictures");
  EXPECT_EQ(python(R"(
import cv2, os
for name in sorted(os.listdir("out")):
    picture = cv2.imread("out/" + name)
    kind = open("out/" + name, "rb").read(4)
    print(name, picture.shape, (abs(picture.astype(int) - (50, 100, 200)) <= 3).all(),
          "png" if kind == b"\x89PNG" else "jpeg" if kind[:2] == b"\xff\xd8" else kind)
)"),
            "a.jpg (47, 65, 3) True jpeg\n"
            "b.PNG (47, 65, 3) True png\n"
            "c.jpg (47, 65, 3) True jpeg\n"
            "d.JPEG (47, 65, 3) True jpeg\n"
            "e.jpg (47, 65, 3) True jpeg\n"
            "f.png (47, 65, 3) True png\n");
}

TEST_F(AnnotatedSinkTest, BoxesAndLabelsAreInTheFileAndNotInTheFrame) {
  auto sink = open();
  Outcome outcome = answered("a.png", {320, 240}, {detection(0, 0.9F, {100, 100, 200, 200})});
  paint(outcome, 50, 60, 70, PixelFormat::kBgr8);
  ASSERT_TRUE(sink->write(outcome));
  EXPECT_EQ(outcome.pixels.view().data[100 * outcome.pixels.pitch_bytes + 150 * 3], 70);
  EXPECT_EQ(python(R"(
import cv2
picture = cv2.imread("out/a.png")[:, :, ::-1]
print(picture[150, 100].tolist(), picture[150, 150].tolist(), (picture[85:99, 100:190] == 0).any())
)"),
            "[230, 159, 0] [50, 60, 70] True\n");
}

TEST_F(AnnotatedSinkTest, SameNamesAreNumbered) {
  auto sink = open();
  for (const char* source : {"a/x.jpg", "b/x.jpg", "b/x.bmp", "b/x.png"}) {
    ASSERT_TRUE(sink->write(painted(source, {8, 8})));
  }
  EXPECT_EQ(files("out"), "x-2.jpg x-3.jpg x.jpg x.png");
}

TEST_F(AnnotatedSinkTest, InputsAreNeverOverwritten) {
  std::filesystem::create_directories(at("out"));
  std::ofstream(at("out/x.jpg")) << "the original";
  std::ofstream(at("out/y.jpg")) << "another original";
  {
    auto sink = open();
    ASSERT_TRUE(sink->write(painted(at("out/x.jpg"), {8, 8})));
  }
  {
    auto sink = open({.input_folders = {at("out/../out/")}});
    ASSERT_TRUE(sink->write(painted(at("elsewhere/y.jpg"), {8, 8})));
  }
  EXPECT_EQ(read_text(at("out/x.jpg")), "the original");
  EXPECT_EQ(read_text(at("out/y.jpg")), "another original");
  EXPECT_EQ(files("out"), "x.annotated.jpg x.jpg y.annotated.jpg y.jpg");
}

TEST_F(AnnotatedSinkTest, VideosAreH264WithTheSourcesRateAndEveryFrame) {
  auto sink = open();
  play(*sink, "in/road.avi", {320, 240}, 0, 130, 30000.0 / 1001);
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(files("out"), "road.mp4");
  EXPECT_EQ(seen("road.mp4"), "130 320x240 29.970\n");
  EXPECT_EQ(sink->written(), "1 video");
  EXPECT_EQ(python("import cv2\nprint(int(cv2.VideoCapture('out/road.mp4').get("
                   "cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little').decode())\n"),
            "h264\n");
}

TEST_F(AnnotatedSinkTest, FramesOfAVideoHaveTheirColoursAndBoxes) {
  auto sink = open();
  Outcome outcome = answered("a.mp4", {320, 240}, {detection(2, 0.5F, {100, 100, 200, 200})});
  paint(outcome, 200, 60, 40);
  for (int i = 0; i < 5; ++i) {
    make_frame_of_video(outcome, i, 25);
    ASSERT_TRUE(sink->write(outcome));
  }
  ASSERT_TRUE(sink->finish());
  // OpenCV converts by the matrix that the file names: had the pixels been converted by another
  // one than BT.709, red would be off by 10 and more.
  EXPECT_EQ(python(R"(
import cv2
video = cv2.VideoCapture("out/a.mp4")
ok, frame = video.read()
inside, line = frame[150, 150].astype(int), frame[150, 100].astype(int)
print(ok, (abs(inside - (40, 60, 200)) <= 4).all(), line[1] - inside[1] > 50)
)"),
            "True True True\n");
}

TEST_F(AnnotatedSinkTest, UnevenTimesAreKept) {
  auto sink = open();
  Outcome outcome = painted("a.mp4", {64, 64});
  for (const int milliseconds : {1000, 1040, 1500, 1500, 2000}) {
    outcome.media_time = std::chrono::milliseconds(milliseconds);
    ASSERT_TRUE(sink->write(outcome));
  }
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(python(R"(
import cv2
video = cv2.VideoCapture("out/a.mp4")
while video.read()[0]: print(round(video.get(cv2.CAP_PROP_POS_MSEC)), end=" ")
)"),
            "0 40 500 960 1000 ");
}

TEST_F(AnnotatedSinkTest, OddAndTinyVideosArePadded) {
  auto sink = open();
  play(*sink, "odd.mp4", {101, 75}, 0, 10, 25);
  play(*sink, "tiny.mp4", {1, 1}, 0, 10, 25);
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(seen("odd.mp4"), "10 102x76 25.000\n");
  EXPECT_EQ(seen("tiny.mp4"), "10 16x16 25.000\n");
}

TEST_F(AnnotatedSinkTest, ANewSizeStartsANewPart) {
  auto sink = open();
  play(*sink, "a.mp4", {64, 48}, 0, 10, 25);
  play(*sink, "a.mp4", {80, 48}, 10, 15, 25);
  play(*sink, "a.mp4", {64, 48}, 15, 18, 25);
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(files("out"), "a-part2.mp4 a-part3.mp4 a.mp4");
  EXPECT_EQ(seen("a.mp4"), "10 64x48 25.000\n");
  EXPECT_EQ(seen("a-part2.mp4"), "5 80x48 25.000\n");
  EXPECT_EQ(seen("a-part3.mp4"), "3 64x48 25.000\n");
  EXPECT_EQ(sink->written(), "3 videos");
}

TEST_F(AnnotatedSinkTest, ManyVideosKeepFewEncodersOpen) {
  auto sink = open({.max_open_videos = 2});
  for (const char* source : {"a/1.mp4", "b/1.mp4", "2.mp4", "3.mp4"}) {
    play(*sink, source, {64, 48}, 0, 3, 25);
  }
  ASSERT_TRUE(sink->write(painted("1.jpg", {64, 48})));
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(files("out"), "1-2.mp4 1.jpg 1.mp4 2.mp4 3.mp4");
  for (const char* video : {"1-2.mp4", "1.mp4", "2.mp4", "3.mp4"}) {
    EXPECT_EQ(seen(video), "3 64x48 25.000\n");
  }
  EXPECT_EQ(sink->written(), "1 picture, 4 videos");
}

TEST_F(AnnotatedSinkTest, AKilledRunLeavesAVideoThatPlays) {
  auto sink = open();
  play(*sink, "a.mp4", {64, 48}, 0, 160, 25);
  // As after a kill: the file as it is now, without its end.
  std::filesystem::copy_file(at("out/a.mp4"), at("out/now.mp4"));
  const std::string now = seen("now.mp4");
  EXPECT_GE(std::stoi(now), 50) << now;
}

}  // namespace
}  // namespace shoal
