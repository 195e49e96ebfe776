// JSON lines, COCO, YOLO and MOT text: exact bytes, and what the tools they are made for read.
#include "core/counted_allocations.h"
#include "sink/coco_sink.h"
#include "sink/jsonl_sink.h"
#include "sink/mot_sink.h"
#include "sink/outcome_for_test.h"
#include "sink/yolo_txt_sink.h"

namespace shoal {
namespace {

using std::chrono::microseconds;

class JsonlSinkTest : public FolderTest {
 protected:
  std::string lines_of(const std::vector<const Outcome*>& outcomes) {
    auto sink = create_jsonl_sink({at("new/folder/out.jsonl"), {"person", "bicycle"}});
    EXPECT_TRUE(sink) << sink.error().message;
    for (const Outcome* outcome : outcomes) EXPECT_TRUE((*sink)->write(*outcome));
    EXPECT_TRUE((*sink)->finish());
    return read_text(at("new/folder/out.jsonl"));
  }
};

TEST_F(JsonlSinkTest, WritesThePublishedShape) {
  Outcome outcome = answered("bus.jpg", {810, 1080},
                             {detection(0, 0.91234F, {17.125F, 229.4F, 803.875F, 747.0F})});
  outcome.detections.items[0].track_id = TrackId{3};
  outcome.batch_size = 4;
  outcome.times = {.decode = microseconds(2100),
                   .queue = microseconds(400),
                   .preprocess = microseconds(300),
                   .inference = microseconds(22000),
                   .postprocess = microseconds(200),
                   .total = microseconds(25000)};
  EXPECT_EQ(lines_of({&outcome}),
            R"({"source":"bus.jpg","frame":0,"time":null,"width":810,"height":1080,)"
            R"("detections":[{"name":"person","class":0,"confidence":0.9123,)"
            R"("box":{"x1":17.12,"y1":229.4,"x2":803.88,"y2":747.0},"track_id":3}],)"
            R"("truncated":false,"batch_size":4,"timing_ms":{"decode":2.1,"queue":0.4,)"
            R"("preprocess":0.3,"inference":22.0,"postprocess":0.2,"total":25.0}})"
            "\n");
}

TEST_F(JsonlSinkTest, WritesErrorsDamageTruncationAndTimesOfFrames) {
  const Outcome broken = failed("broken.jpg", ErrorCode::kCorruptInput, "says \"no\"\n");
  Outcome frame = answered("a.mp4", {64, 48}, {detection(7, 1.0F, {0, 0, 64, 48})});
  make_frame_of_video(frame, 3, 30);
  frame.damaged = "2 macroblocks";
  frame.detections.truncated = true;
  EXPECT_EQ(lines_of({&broken, &frame}),
            R"({"source":"broken.jpg","frame":0,"error":{"code":"corrupt_input",)"
            R"("message":"says \"no\"\n"}})"
            "\n"
            R"({"source":"a.mp4","frame":3,"time":0.1,"width":64,"height":48,"detections":)"
            R"([{"name":"class_7","class":7,"confidence":1.0,"box":{"x1":0.0,"y1":0.0,"x2":64.0,)"
            R"("y2":48.0}}],"truncated":true,"damaged":"2 macroblocks","batch_size":1,"timing_ms":)"
            R"({"decode":0.0,"queue":0.0,"preprocess":0.0,"inference":0.0,"postprocess":0.0,)"
            R"("total":0.0}})"
            "\n");
}

TEST_F(JsonlSinkTest, AnyBytesInANameMakeAValidLine) {
  std::string every;
  for (int byte = 1; byte < 256; ++byte) every.push_back(static_cast<char>(byte));
  std::vector<Outcome> outcomes;
  outcomes.push_back(answered(every, {1, 1}));
  outcomes.push_back(answered("ends in a sequence \xE4\xBD", {1, 1}));
  outcomes.push_back(answered("surrogate \xED\xA0\x80 overlong \xC0\xAF", {1, 1}));
  outcomes.push_back(answered("Stra\xC3\x9F" "e \xE4\xBD\xA0 \xF0\x9F\x90\x9F", {1, 1}));
  lines_of({&outcomes[0], &outcomes[1], &outcomes[2], &outcomes[3]});
  EXPECT_EQ(python(R"(
import json
lines = [json.loads(line) for line in open("new/folder/out.jsonl", "rb").read().split(b"\n")[:-1]]
names = [line["source"] for line in lines]
print(names[0][:127] == "".join(map(chr, range(1, 128))), set(names[0][127:]) == {"\ufffd"})
print(names[1] == "ends in a sequence \ufffd\ufffd")
print(names[2] == "surrogate \ufffd\ufffd\ufffd overlong \ufffd\ufffd")
print(names[3] == "Stra\u00dfe \u4f60 \U0001f41f")
)"),
            "True True\nTrue\nTrue\nTrue\n");
}

TEST_F(JsonlSinkTest, ALineIsInTheFileWhenWriteReturns) {
  auto sink = create_jsonl_sink({at("out.jsonl"), {}});
  ASSERT_TRUE((*sink)->write(answered("a.jpg", {1, 1})));
  EXPECT_EQ(read_text(at("out.jsonl")).back(), '\n');
  EXPECT_EQ((*sink)->written(), "1 line");
  ASSERT_TRUE((*sink)->write(answered("b.jpg", {1, 1})));
  EXPECT_EQ((*sink)->written(), "2 lines");
}

TEST_F(JsonlSinkTest, DoesNotAllocateAfterTheFirstLine) {
  Outcome outcome = answered("a/rather/long/name/of/a/picture.jpg", {640, 480});
  for (int i = 0; i < 100; ++i) {
    outcome.detections.items.push_back(detection(i % 2, 0.5F, {1, 2, 3, 4}));
  }
  auto sink = create_jsonl_sink({at("out.jsonl"), {"person", "a class with a long name"}});
  ASSERT_TRUE((*sink)->write(outcome));
  const std::size_t before = counted_allocations();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE((*sink)->write(outcome));
  EXPECT_EQ(counted_allocations() - before, 0U);
}

class CocoSinkTest : public FolderTest {};

std::vector<std::string> coco_names() {
  std::vector<std::string> names(80, "x");
  names[0] = "person";
  names[5] = "bus";
  names[15] = "cat";
  names[39] = "bottle";
  names[74] = "clock";
  names[79] = "toothbrush";
  return names;
}

TEST_F(CocoSinkTest, MapsEightyClassesToTheDatasetsNumbers) {
  std::vector<int> categories;
  for (int id = 0; id < 80; ++id) categories.push_back(coco_category(id, true));
  EXPECT_EQ(categories[0], 1);
  EXPECT_EQ(categories[10], 11);  // fire hydrant
  EXPECT_EQ(categories[11], 13);  // stop sign; 12 is not used
  EXPECT_EQ(categories[60], 67);  // dining table
  EXPECT_EQ(categories[61], 70);  // toilet
  EXPECT_EQ(categories[79], 90);  // toothbrush
  EXPECT_TRUE(std::is_sorted(categories.begin(), categories.end()));
  EXPECT_EQ(coco_category(11, false), 12);
  EXPECT_TRUE(are_coco_names(coco_names()));
  EXPECT_FALSE(are_coco_names({"open", "short"}));
}

TEST_F(CocoSinkTest, PycocotoolsReadsIt) {
  auto sink = create_coco_sink({at("out.json"), coco_names()});
  ASSERT_TRUE((*sink)->write(answered("000000000139.jpg", {640, 426})));  // no entry
  ASSERT_TRUE((*sink)->write(answered("val/000000000285.jpg", {586, 640},
                                      {detection(79, 0.123456F, {1.5F, 2.25F, 11.5F, 22.5F}),
                                       detection(0, 0.5F, {0, 0, 586, 640})})));
  ASSERT_TRUE((*sink)->write(failed("000000000632.jpg", ErrorCode::kCorruptInput, "x")));
  ASSERT_TRUE((*sink)->write(answered("000000000139.jpg", {640, 426},
                                      {detection(5, 0.25F, {0, 0, 10, 10.0005F})})));
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ((*sink)->written(), "3 detections");
  EXPECT_EQ(python(R"(
import contextlib, io, json
from pycocotools.coco import COCO
truth = COCO()
truth.dataset = {"images": [{"id": 139}, {"id": 285}], "annotations": [],
                 "categories": [{"id": i} for i in range(1, 91)]}
with contextlib.redirect_stdout(io.StringIO()):
    truth.createIndex()
    results = truth.loadRes("out.json")
for annotation in results.dataset["annotations"]:
    print(*(annotation[key] for key in ("image_id", "category_id", "bbox", "score")))
)"),
            "285 90 [1.5, 2.25, 10.0, 20.25] 0.12346\n"
            "285 1 [0.0, 0.0, 586.0, 640.0] 0.5\n"
            "139 6 [0.0, 0.0, 10.0, 10.0] 0.25\n");
}

TEST_F(CocoSinkTest, NamesPicturesByStemAndFramesByNumber) {
  auto sink = create_coco_sink({at("out.json"), {"a", "b"}});
  Outcome frame = answered("clips/road.mp4", {64, 48}, {detection(1, 0.5F, {0, 0, 1, 1})});
  make_frame_of_video(frame, 4, 25);
  ASSERT_TRUE((*sink)->write(frame));
  ASSERT_TRUE((*sink)->write(
      answered("x/bus.jpg", {9, 9}, {detection(0, 0.5F, {0, 0, 1, 1})})));
  ASSERT_TRUE((*sink)->write(
      answered("000.jpg", {9, 9}, {detection(0, 0.5F, {0, 0, 1, 1})})));
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(python(R"(
import json
print([(entry["image_id"], entry["category_id"]) for entry in json.load(open("out.json"))])
)"),
            "[('road_5', 2), ('bus', 1), (0, 1)]\n");
}

TEST_F(CocoSinkTest, IsACompleteArrayAfterEveryPicture) {
  auto sink = create_coco_sink({at("out.json"), {}});
  const std::string count = "import json\nprint(len(json.load(open('out.json'))))\n";
  EXPECT_EQ(python(count), "0\n");
  for (const char* expected : {"1\n", "2\n"}) {
    ASSERT_TRUE((*sink)->write(answered("a.jpg", {9, 9}, {detection(0, 0.5F, {0, 0, 1, 1})})));
    EXPECT_EQ(python(count), expected);
  }
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(python(count), "2\n");
}

TEST_F(CocoSinkTest, APipeGetsACompleteArray) {
  ASSERT_EQ(std::system(("mkfifo " + at("pipe")).c_str()), 0);
  std::FILE* reader = ::popen(("cat " + at("pipe") + " > " + at("out.json")).c_str(), "w");
  auto sink = create_coco_sink({at("pipe"), {}});
  ASSERT_TRUE((*sink)->write(answered("1.jpg", {9, 9}, {detection(0, 0.5F, {0, 0, 1, 1})})));
  ASSERT_TRUE((*sink)->write(answered("2.jpg", {9, 9}, {detection(0, 0.5F, {0, 0, 1, 1})})));
  ASSERT_TRUE((*sink)->finish());
  ASSERT_EQ(::pclose(reader), 0);
  EXPECT_EQ(python("import json\nprint([e['image_id'] for e in json.load(open('out.json'))])\n"),
            "[1, 2]\n");
}

class YoloTxtSinkTest : public FolderTest {};

TEST_F(YoloTxtSinkTest, WritesUltralyticsNamesAndLines) {
  auto sink = create_yolo_txt_sink({at("out"), false});
  ASSERT_TRUE((*sink)->write(answered("a/bus.jpg", {810, 1080},
                                      {detection(5, 0.9F, {17.1F, 229.4F, 803.9F, 747.0F}),
                                       detection(0, 0.8F, {0, 0, 810, 1080})})));
  ASSERT_TRUE((*sink)->write(answered("empty.jpg", {810, 1080})));
  Outcome frame = answered("b/road.mp4", {100, 50}, {detection(2, 0.5F, {0, 0, 50, 50})});
  make_frame_of_video(frame, 0, 25);
  frame.detections.items[0].track_id = TrackId{12};
  ASSERT_TRUE((*sink)->write(frame));
  make_frame_of_video(frame, 11, 25);
  ASSERT_TRUE((*sink)->write(frame));
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(files(), "out/labels/bus.txt out/labels/road_1.txt out/labels/road_12.txt");
  // (17.1 + 803.9) / 2 / 810 and so on, printed by Python's "%g".
  EXPECT_EQ(read_text(at("out/labels/bus.txt")),
            python("print('%g %g %g %g %g' % (5, 410.5 / 810, 488.2 / 1080, 786.8 / 810, "
                   "517.6 / 1080))\nprint('0 0.5 0.5 1 1')\n"));
  EXPECT_EQ(read_text(at("out/labels/road_1.txt")), "2 0.25 0.5 0.5 1 12\n");
  EXPECT_EQ((*sink)->written(), "3 files");
}

TEST_F(YoloTxtSinkTest, AppendsTheConfidenceWhenAsked) {
  auto sink = create_yolo_txt_sink({at("out/"), true});
  ASSERT_TRUE((*sink)->write(
      answered("x.jpg", {10, 10}, {detection(1, 0.123456789F, {0, 0, 5, 5})})));
  EXPECT_EQ(read_text(at("out/labels/x.txt")), "1 0.25 0.25 0.5 0.5 0.123457\n");
}

TEST_F(YoloTxtSinkTest, SameStemsDoNotOverwriteEachOther) {
  auto sink = create_yolo_txt_sink({at("out"), false});
  const auto box = [](int id) { return std::vector{detection(id, 0.5F, {0, 0, 10, 10})}; };
  ASSERT_TRUE((*sink)->write(answered("a/x.jpg", {10, 10}, box(1))));
  ASSERT_TRUE((*sink)->write(answered("b/x.jpg", {10, 10}, box(2))));
  ASSERT_TRUE((*sink)->write(answered("b/x.png", {10, 10}, box(3))));
  ASSERT_TRUE((*sink)->write(answered("y_1.jpg", {10, 10}, box(4))));
  Outcome frame = answered("y.mp4", {10, 10}, box(5));
  make_frame_of_video(frame, 0, 25);
  ASSERT_TRUE((*sink)->write(frame));
  EXPECT_EQ(files("out/labels"), "x-2.txt x-3.txt x.txt y-2_1.txt y_1.txt");
  EXPECT_EQ(read_text(at("out/labels/x-2.txt")), "2 0.5 0.5 1 1\n");
  EXPECT_EQ(read_text(at("out/labels/y_1.txt")), "4 0.5 0.5 1 1\n");
}

TEST_F(YoloTxtSinkTest, RemovesTheStaleFileOfAPictureThatNowHasNothing) {
  std::filesystem::create_directories(at("out/labels"));
  std::ofstream(at("out/labels/x.txt")) << "0 0.5 0.5 1 1\n";
  std::ofstream(at("out/labels/other.txt")) << "0 0.5 0.5 1 1\n";
  auto sink = create_yolo_txt_sink({at("out"), false});
  ASSERT_TRUE((*sink)->write(answered("x.jpg", {10, 10})));
  EXPECT_EQ(files("out/labels"), "other.txt");
}

TEST_F(YoloTxtSinkTest, RefusesAFolderThatIsADataSet) {
  std::filesystem::create_directories(at("data/images"));
  const auto sink = create_yolo_txt_sink({at("data"), false});
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(sink.error().message.find("looks like a data set"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(at("data/labels")));
}

class MotSinkTest : public FolderTest {};

TEST_F(MotSinkTest, WritesOneFileASequence) {
  auto sink = create_mot_sink({at("out/mot.txt")});
  Outcome frame = answered("a.mp4", {100, 100}, {detection(0, 0.75F, {1, 2, 11, 22})});
  make_frame_of_video(frame, 0, 25);
  frame.detections.items[0].track_id = TrackId{7};
  ASSERT_TRUE((*sink)->write(frame));
  Outcome other = answered("b.mp4", {100, 100}, {detection(0, 0.5F, {0, 0, 1, 1})});
  make_frame_of_video(other, 1, 25);
  ASSERT_TRUE((*sink)->write(other));
  make_frame_of_video(frame, 1, 25);
  ASSERT_TRUE((*sink)->write(frame));
  ASSERT_TRUE((*sink)->finish());
  EXPECT_EQ(files("out"), "mot-b.txt mot.txt");
  EXPECT_EQ(read_text(at("out/mot.txt")), "1,7,1.00,2.00,10.00,20.00,0.7500,-1,-1,-1\n"
                                          "2,7,1.00,2.00,10.00,20.00,0.7500,-1,-1,-1\n");
  EXPECT_EQ(read_text(at("out/mot-b.txt")), "2,-1,0.00,0.00,1.00,1.00,0.5000,-1,-1,-1\n");
}

}  // namespace
}  // namespace shoal
