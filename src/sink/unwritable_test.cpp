// What happens when outputs cannot be written: messages, codes, and what is left on the disk.
#include <sys/resource.h>

#include <csignal>

#include "sink/annotated_sink.h"
#include "sink/coco_sink.h"
#include "sink/jsonl_sink.h"
#include "sink/mot_sink.h"
#include "sink/outcome_for_test.h"
#include "sink/output_file.h"
#include "sink/source_name.h"
#include "sink/yolo_txt_sink.h"

namespace shoal {
namespace {

// While it lives, files cannot grow beyond `bytes`: a full disk for this process.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
};

Outcome picture(const std::string& source) {
  return answered(source, {64, 48}, {detection(0, 0.5F, {1, 1, 20, 20})});
}

// Writes until it fails; the failure and how many writes went well.
std::pair<Error, int> fill_up(Sink& sink, const Outcome& outcome) {
  for (int count = 0; count < 1000; ++count) {
    const auto written = sink.write(outcome);
    if (!written) return {written.error(), count};
  }
  return {{ErrorCode::kInternal, "never failed"}, 1000};
}

class UnwritableTest : public FolderTest {};

TEST_F(UnwritableTest, AFullDiskIsSaidAtTheFirstLine) {
  auto sink = create_jsonl_sink({"/dev/full", {}});
  ASSERT_TRUE(sink) << sink.error().message;
  const auto written = (*sink)->write(picture("a.jpg"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(written.error().message,
            "/dev/full: writing failed after 0 bytes: No space left on device; expected room for "
            "more: free some space or choose another disk");
  EXPECT_TRUE((*sink)->finish());
  EXPECT_FALSE(create_coco_sink({"/dev/full", {}}));
}

TEST_F(UnwritableTest, AFullDiskKeepsTheWholeLines) {
  auto sink = create_jsonl_sink({at("out.jsonl"), {}});
  const SmallDisk disk(2000);
  const auto [error, count] = fill_up(**sink, picture("a.jpg"));
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_GT(count, 2);
  EXPECT_TRUE((*sink)->finish());
  const std::string text = read_text(at("out.jsonl"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), count);
  EXPECT_EQ(text.back(), '\n');
}

TEST_F(UnwritableTest, AFullDiskKeepsACompleteCocoArray) {
  auto sink = create_coco_sink({at("out.json"), {}});
  int count = 0;
  {
    const SmallDisk disk(2000);
    count = fill_up(**sink, picture("a.jpg")).second;
    EXPECT_TRUE((*sink)->finish());
  }
  EXPECT_GT(count, 5);
  EXPECT_EQ(python("import json\nprint(len(json.load(open('out.json'))))\n"),
            std::to_string(count) + "\n");
}

TEST_F(UnwritableTest, AFullDiskLeavesNoHalfPicture) {
  auto sink = create_annotated_sink({.directory = at("out")});
  Outcome outcome = picture("a.jpg");
  paint(outcome, 10, 20, 30);
  ASSERT_TRUE((*sink)->write(outcome));
  const SmallDisk disk(200);
  outcome.source = "b.jpg";
  const auto written = (*sink)->write(outcome);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(written.error().message.find("out/b.jpg: writing failed"), std::string::npos);
  EXPECT_TRUE((*sink)->finish());
  EXPECT_EQ(files("out"), "a.jpg");
}

TEST_F(UnwritableTest, AFullDiskLeavesAVideoThatPlays) {
  auto sink = create_annotated_sink({.directory = at("out")});
  Outcome outcome = picture("a.mp4");
  int frames = 0;
  {
    const SmallDisk disk(20000);
    bool written = true;
    for (; frames < 2000 && written; ++frames) {
      make_frame_of_video(outcome, frames, 25);
      paint(outcome, static_cast<std::uint8_t>(frames * 7), 20, static_cast<std::uint8_t>(frames));
      const auto result = (*sink)->write(outcome);
      written = result.has_value();
      if (!written) {
        EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
      }
    }
    EXPECT_FALSE(written);
    (void)(*sink)->finish();
  }
  const int played = std::stoi(python(R"(
import cv2
video, count = cv2.VideoCapture("out/a.mp4"), 0
while video.read()[0]: count += 1
print(count)
)"));
  EXPECT_GE(played, 50);
  EXPECT_LT(played, frames);
}

TEST_F(UnwritableTest, AVideoOnAFullDeviceFailsAtOnce) {
  std::filesystem::create_directories(at("out"));
  std::filesystem::create_symlink("/dev/full", at("out/a.mp4"));
  auto sink = create_annotated_sink({.directory = at("out")});
  Outcome outcome = picture("a.mp4");
  paint(outcome, 1, 2, 3);
  make_frame_of_video(outcome, 0, 25);
  const auto written = (*sink)->write(outcome);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(written.error().message.find("No space left on device"), std::string::npos);
  EXPECT_TRUE((*sink)->finish());
}

TEST_F(UnwritableTest, AFileInTheWayIsNamed) {
  std::ofstream(at("taken")) << "x";
  const std::string why = at("taken") + " is a file; expected a folder";
  const auto txt = create_yolo_txt_sink({at("taken/below"), false});
  ASSERT_FALSE(txt);
  EXPECT_EQ(txt.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(txt.error().message.find(why), std::string::npos) << txt.error().message;
  const auto save = create_annotated_sink({.directory = at("taken")});
  ASSERT_FALSE(save);
  EXPECT_NE(save.error().message.find(why), std::string::npos) << save.error().message;
  const auto json = create_jsonl_sink({at("taken/out.jsonl"), {}});
  ASSERT_FALSE(json);
  EXPECT_NE(json.error().message.find(why), std::string::npos) << json.error().message;
}

TEST_F(UnwritableTest, AFolderInPlaceOfAFileIsNamed) {
  const auto coco = create_coco_sink({at(""), {}});
  ASSERT_FALSE(coco);
  EXPECT_EQ(coco.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(coco.error().message.find("is a folder; expected the name of a file"),
            std::string::npos);
  EXPECT_FALSE(create_mot_sink({""}));
  EXPECT_FALSE(create_annotated_sink({}));
}

TEST_F(UnwritableTest, APlaceWithoutPermissionIsNamed) {
  // Root may write everywhere but where the kernel itself says no.
  const auto sink = create_jsonl_sink({"/proc/shoal/out.jsonl", {}});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(sink.error().message.find("/proc/shoal: the folder cannot be made"),
            std::string::npos) << sink.error().message;
  EXPECT_FALSE(create_annotated_sink({.directory = "/proc/shoal"}));
}

TEST(SourceName, StemsAreThoseOfFilesAndTheLastWordOfUrls) {
  EXPECT_EQ(source_stem("a/b.c.jpg"), "b.c");
  EXPECT_EQ(source_stem("bus"), "bus");
  EXPECT_EQ(source_stem("a/.jpg"), ".jpg");
  EXPECT_EQ(source_stem(""), "source");
  EXPECT_EQ(source_stem(".."), "source");
  EXPECT_EQ(source_stem("rtsp://user:key@10.0.0.1:554/live/cam1?channel=2"), "cam1");
  EXPECT_EQ(source_stem("rtsp://user:key@10.0.0.1:554"), "10.0.0.1-554");
  EXPECT_EQ(source_stem("https://host/x/a%20b.mp4#t=3"), "a-20b");
  EXPECT_EQ(source_stem("synthetic:pcb?size=1280x720&fps=25"), "synthetic-pcb");
}

TEST(SourceName, LongStemsAreCutBetweenCharacters) {
  OutputNames names;
  std::string stem;
  for (int i = 0; i < 100; ++i) stem += "\xE4\xBD\xA0";
  const std::string name = names.claim("x", stem, ".jpg");
  EXPECT_EQ(name, stem.substr(0, 198) + ".jpg");
  EXPECT_EQ(names.claim("y", stem, ".jpg"), stem.substr(0, 198) + "-2.jpg");
}

TEST(SourceName, TakenNamesAreNumberedWithoutClashes) {
  OutputNames names;
  EXPECT_EQ(names.claim("1", "x-2", ".jpg"), "x-2.jpg");
  EXPECT_EQ(names.claim("2", "x", ".jpg"), "x.jpg");
  EXPECT_EQ(names.claim("3", "x", ".jpg"), "x-3.jpg");
  EXPECT_EQ(names.claim("4", "x", ".png"), "x.png");
  EXPECT_EQ(names.claim_frames("5", "v"), "v");
  EXPECT_EQ(names.claim("6", "v_12", ".txt"), "v_12-2.txt");
  EXPECT_EQ(names.claim("7", "v_", ".txt"), "v_.txt");
}

}  // namespace
}  // namespace shoal
