// JSON lines, COCO, MOT and YOLO of cameras, read by Python and pycocotools.
#include "sink/file_camera_sinks.h"

#include <fmt/format.h>

#include "core/counted_allocations.h"
#include "sink/camera_json.h"
#include "sink/camera_sink_for_test.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

class FileCameraSinksTest : public FolderTest {
 protected:
  CameraResult result_;
};

TEST_F(FileCameraSinksTest, ALineSaysWhatTheFrameHeld) {
  fill_result(result_, test_camera("line-1"), 412, 1500ms);
  result_.zone_events = {{ZoneChange::kDwell, 1, TrackId{7}, 1, 2500ms}};
  result_.crossings = {{0, CrossingDirection::kForward, TrackId{7}, 1}};
  result_.outcome.damaged = "half of it";
  fmt::memory_buffer line;
  std::string label;
  append_camera_json(line, result_, label);
  EXPECT_EQ(fmt::to_string(line),
            R"({"camera":"line-1","source":"line-1","time":"2026-11-21T08:00:01.500Z",)"
            R"("frame":412,"inferred":true,"width":64,"height":48,)"
            R"("detections":[{"name":"short","class":1,"confidence":0.91,)"
            R"("box":{"x1":1.0,"y1":2.0,"x2":30.5,"y2":40.0},"track_id":7,"zones":["belt"]}],)"
            R"("truncated":false,)"
            R"("zones":[{"name":"belt","count":1},{"name":"exit \"B\"","count":0}],)"
            R"("lines":[{"name":"gate","forward":12,"backward":3}],)"
            R"("events":[{"type":"dwell","zone":"exit \"B\"","track_id":7,"class":1,)"
            R"("inside_ms":2500},{"type":"cross","line":"gate","direction":"forward",)"
            R"("track_id":7,"class":1}],"damaged":"half of it","batch_size":1,"timing_ms":)"
            R"({"decode":0.0,"queue":0.0,"preprocess":0.0,"inference":0.0,"postprocess":0.0,)"
            R"("total":0.0}})");
}

TEST_F(FileCameraSinksTest, LinesAreJsonAlsoOfFailuresAndAlarms) {
  auto sink = create_camera_jsonl_sink({.path = at("out.jsonl")});
  ASSERT_TRUE(sink) << sink.error().message;
  fill_result(result_, test_camera("a"), 0, 0ms);
  ASSERT_TRUE((*sink)->write(result_));
  result_.inferred = false;
  ASSERT_TRUE((*sink)->write(result_));
  result_.outcome.error = Error{ErrorCode::kDeadlineExceeded, "too late \xFF"};
  ASSERT_TRUE((*sink)->write(result_));
  ASSERT_TRUE((*sink)->write(test_alarm("a", 1)));
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ((*sink)->written(), "4 lines");
  EXPECT_EQ(python(R"(
import json
lines = [json.loads(line) for line in open('out.jsonl', encoding='utf-8')]
print('timing_ms' in lines[0], 'timing_ms' in lines[1], lines[2]['error']['code'],
      'width' in lines[2], lines[2]['zones'][0]['count'], lines[3]['alarm']['id'])
)"), "True False deadline_exceeded False 1 1795248000000-a-1\n");
}

TEST_F(FileCameraSinksTest, TheNextRunContinuesTheLinesAndEndsOneThatWasCutOff) {
  for (int run = 0; run < 3; ++run) {
    auto sink = create_camera_jsonl_sink({.path = at("out.jsonl")});
    fill_result(result_, test_camera("a"), 0, 0ms);
    ASSERT_TRUE((*sink)->write(result_));
    ASSERT_TRUE((*sink)->finish());
    if (run == 1) std::ofstream(at("out.jsonl"), std::ios::app) << R"({"camera":"cut o)";
  }
  const std::string text = read_text(at("out.jsonl"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_NE(text.find("{\"camera\":\"cut o\n{\"camera\":\"a\""), std::string::npos);
}

TEST_F(FileCameraSinksTest, LongFilesAreRotatedAndTheOldestGo) {
  auto sink = create_camera_jsonl_sink(
      {.path = at("out.jsonl"), .rotate_bytes = 2000, .old_files = 2});
  for (std::uint64_t i = 0; i < 40; ++i) {
    fill_result(result_, test_camera("a"), i, 0ms);
    ASSERT_TRUE((*sink)->write(result_));
  }
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(files(), "out.jsonl out.jsonl.1 out.jsonl.2");
  for (const char* name : {"out.jsonl", "out.jsonl.1", "out.jsonl.2"}) {
    EXPECT_LE(std::filesystem::file_size(at(name)), 2000U);
  }
  // No line is lost between the files that are left, and none is cut.
  EXPECT_EQ(python(R"(
import json
frames = [json.loads(line)['frame'] for name in ('.2', '.1', '')
          for line in open('out.jsonl' + name)]
print(frames == list(range(frames[0], 40)), len(frames) > 5)
)"), "True True\n");
}

TEST_F(FileCameraSinksTest, MotHasAFileACameraWithFramesFromOne) {
  auto sink = create_camera_mot_sink(at("mot"));
  ASSERT_TRUE(sink);
  const auto a = test_camera("cam.1");
  const auto b = test_camera("cam.2", 2);
  for (std::uint64_t i : {0U, 2U}) {
    for (const auto& camera : {a, b}) {
      fill_result(result_, camera, i, 0ms);
      result_.outcome.media_time.reset();  // as cameras without times have it
      ASSERT_TRUE((*sink)->write(result_));
    }
  }
  fill_result(result_, test_camera("cam.1", 3), 0, 0ms);  // another one under that name
  ASSERT_TRUE((*sink)->write(result_));
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(files("mot"), "cam.1-2.txt cam.1.txt cam.2.txt");
  const std::string line = ",7,1.00,2.00,29.50,38.00,0.9100,-1,-1,-1\n";
  EXPECT_EQ(read_text(at("mot/cam.1.txt")), "1" + line + "3" + line);
  EXPECT_EQ(read_text(at("mot/cam.2.txt")), "1" + line + "3" + line);
  EXPECT_EQ(read_text(at("mot/cam.1-2.txt")), "1" + line);
  EXPECT_EQ((*sink)->written(), "5 objects");
}

TEST_F(FileCameraSinksTest, CocoIsOneArrayOfInferredFrames) {
  auto sink = create_camera_coco_sink(at("out.json"));
  ASSERT_TRUE(sink);
  EXPECT_EQ(python("import json\nprint(json.load(open('out.json')))\n"), "[]\n");
  for (std::uint64_t i = 0; i < 3; ++i) {
    fill_result(result_, test_camera("cam.1"), i, 0ms);
    result_.inferred = i != 1;
    ASSERT_TRUE((*sink)->write(result_));
  }
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(python("import json\nfor e in json.load(open('out.json')): "
                   "print(e['image_id'], e['category_id'], e['bbox'], e['score'])\n"),
            "cam.1_1 2 [1.0, 2.0, 29.5, 38.0] 0.91\ncam.1_3 2 [1.0, 2.0, 29.5, 38.0] 0.91\n");
}

TEST_F(FileCameraSinksTest, CocoRefusesToMixNumberings) {
  auto sink = create_camera_coco_sink(at("out.json"));
  fill_result(result_, test_camera("a"), 0, 0ms);
  ASSERT_TRUE((*sink)->write(result_));
  std::vector<std::string> coco(80, "x");
  coco[0] = "person";
  coco[5] = "bus";
  coco[15] = "cat";
  coco[39] = "bottle";
  coco[74] = "clock";
  coco[79] = "toothbrush";
  fill_result(result_, test_camera("b", 2, coco), 0, 0ms);
  const auto written = (*sink)->write(result_);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(written.error().message.find("camera b"), std::string::npos);
  ASSERT_TRUE((*sink)->finish());
}

TEST_F(FileCameraSinksTest, YoloHasAFileAFrame) {
  auto sink = create_camera_yolo_sink(at("yolo"));
  ASSERT_TRUE(sink);
  fill_result(result_, test_camera("cam.1"), 4, 0ms);
  result_.outcome.detections.items[0].box = {16, 12, 48, 36};
  ASSERT_TRUE((*sink)->write(result_));
  result_.inferred = false;
  result_.frame = 5;
  ASSERT_TRUE((*sink)->write(result_));
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(files("yolo"), "labels/cam.1_5.txt");
  EXPECT_EQ(read_text(at("yolo/labels/cam.1_5.txt")), "1 0.5 0.5 0.5 0.5 0.91 7\n");
}

TEST_F(FileCameraSinksTest, LinesAllocateNothingOnceTheyHaveGrown) {
  auto sink = create_camera_jsonl_sink({.path = at("out.jsonl")});
  const auto camera = test_camera("a");
  fill_result(result_, camera, 0, 0ms);
  (void)(*sink)->write(result_);
  const std::size_t before = counted_allocations();
  for (int i = 0; i < 100; ++i) (void)(*sink)->write(result_);
  EXPECT_EQ(counted_allocations(), before);
}

TEST_F(FileCameraSinksTest, PathsThatCannotBeAreNamed) {
  std::ofstream(at("taken")) << "x";
  EXPECT_FALSE(create_camera_jsonl_sink({.path = at("taken/x")}));
  EXPECT_FALSE(create_camera_jsonl_sink({.path = ""}));
  EXPECT_FALSE(create_camera_mot_sink(at("taken")));
  EXPECT_FALSE(create_camera_coco_sink(at("")));
  EXPECT_FALSE(create_camera_yolo_sink(at("taken")));
}

}  // namespace
}  // namespace shoal
