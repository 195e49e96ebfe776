// The summary as people see it, letter by letter.
#include "cli/summary.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>

#include "cli/display_text.h"

namespace shoal {
namespace {

RunSummary pictures() {
  RunSummary summary;
  summary.model = "yolo11n.onnx   YOLO11 detect, 80 classes, 640x640, batch 1..16";
  summary.engine = "openvino bf16, 2 lanes";
  summary.pictures = 128;
  summary.failed = 1;
  summary.objects = 742;
  summary.seconds = 3.192;
  summary.objects_by_class = {{"person", 311}, {"car", 96}, {"chair", 60}, {"bottle", 31}};
  summary.decode = {1.8, 4.1, 0};
  summary.queue = {3.0, 9.6, 0};
  summary.preprocess = {0.2, 0.3, 0.004};
  summary.inference = {44.6, 52.0, 0.98};
  summary.postprocess = {0.2, 0.4, 0.016};
  summary.batches = {{8, 15}, {7, 1}};
  summary.close_reasons = {{"full", 15}, {"flush", 1}};
  summary.padding = 0.21;
  summary.memory_peak_bytes = std::int64_t{161} << 20;
  summary.failures = {
      "photos/0412.jpg: JPEG ends after 1,024 bytes; expected an end-of-image marker"};
  summary.written = {"out/ (127 pictures)", "out/detections.jsonl (128 lines)"};
  summary.advice = "--rect would cut padding to 4 %: about +18 % images/s on these pictures";
  return summary;
}

std::string rendered(const RunSummary& summary, int width = 100) {
  return "\n" + render_summary(summary, {.colour = false, .width = width});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string without_codes(std::string text) {
  for (std::size_t at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b')) {
    text.erase(at, text.find('m', at) - at + 1);
  }
  return text;
}

TEST(Summary, SaysTheAnswerFirstAndThenWhy) {
  EXPECT_EQ(rendered(pictures()), R"(
yolo11n.onnx   YOLO11 detect, 80 classes, 640x640, batch 1..16     openvino bf16, 2 lanes

128 pictures, 1 failed, 742 objects in 3.2 s                           40.1 images/s
  person 311   car 96   chair 60   bottle 31

  stage            mean         p99   share of lane time
  decode           1.8 ms      4.1 ms   on the decode pool
  queue            3.0 ms      9.6 ms
  preprocess       0.2 ms      0.3 ms   ▏
  inference       44.6 ms     52.0 ms   ███████████████████▋ 98 %
  postprocess      0.2 ms      0.4 ms   ▍ 2 %

  batches      8 x 15, 7 x 1     closed: full 15, flush 1     padding 21 %
  memory       161 MiB peak

  failed       photos/0412.jpg: JPEG ends after 1,024 bytes; expected an end-of-image marker
  written      out/ (127 pictures), out/detections.jsonl (128 lines)
  faster       --rect would cut padding to 4 %: about +18 % images/s on these pictures
)");
}

TEST(Summary, OneOfEachIsSingularAndVideosHaveFrames) {
  RunSummary summary;
  summary.pictures = 1;
  summary.objects = 1;
  summary.seconds = 0.05;
  summary.objects_by_class = {{"cat", 1}};
  EXPECT_EQ(rendered(summary), R"(
1 picture, 1 object in 0.05 s                                          20.0 images/s
  cat 1
)");
  summary.is_video = true;
  summary.pictures = 1500;
  summary.objects = 0;
  summary.objects_by_class.clear();
  summary.damaged = 2;
  summary.truncated = 1;
  summary.seconds = 62;
  summary.interrupted = true;
  EXPECT_EQ(rendered(summary), R"(
1,500 frames, 2 damaged, no objects in 1 min 02 s                      24.2 frames/s
  interrupted: what is done is kept
  1 frame had more objects than the limit keeps (--max-det)
)");
}

TEST(Summary, ARunOfNothingHasNoTable) {
  EXPECT_EQ(rendered({}), R"(
0 pictures, no objects in 0.00 s
)");
}

TEST(Summary, ManyClassesEndInACount) {
  RunSummary summary = pictures();
  summary.model.clear();
  summary.objects_by_class.clear();
  for (int i = 0; i < 40; ++i) summary.objects_by_class["class " + std::to_string(i)] = 1000 - i;
  const auto lines = lines_of(rendered(summary, 80));
  EXPECT_EQ(lines[2], "  class 0 1,000   class 1 999   class 2 998   class 3 997   "
                      "and 36 more classes");
}

TEST(Summary, NothingIsWiderThanTheTerminal) {
  RunSummary summary = pictures();
  summary.engine += " and a long description of threads, streams and hints";
  summary.failures.assign(3, std::string(300, 'x') + " and 写真写真写真写真写真写真写真写真写真");
  summary.failed = 12;
  summary.objects_by_class[std::string(120, 'y')] = 5000;
  for (int size = 1; size < 33; ++size) summary.batches[size] = 1000;
  for (const int width : {20, 60, 79, 100, 250}) {
    for (const bool colour : {false, true}) {
      const std::string text = render_summary(summary, {.colour = colour, .width = width});
      for (const std::string& line : lines_of(without_codes(text))) {
        EXPECT_LE(columns_of(line), std::clamp(width, 60, 100)) << line;
        EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
      }
    }
  }
  EXPECT_NE(rendered(summary).find("\n               and 9 more\n"), std::string::npos);
}

TEST(Summary, NamesCannotSteerTheTerminal) {
  RunSummary summary = pictures();
  summary.failures = {"a\x1b[2Jb\r\nc\xFF.jpg"};
  summary.objects_by_class = {{"\x1b]0;title\x07", 1}};
  const std::string text = rendered(summary);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_NE(text.find("failed       a\uFFFD[2Jb\uFFFD\uFFFDc\uFFFD.jpg\n"), std::string::npos);
}

TEST(Summary, ColourAddsNothingButCodes) {
  const std::string coloured = render_summary(pictures(), {.colour = true, .width = 100});
  EXPECT_NE(coloured.find('\x1b'), std::string::npos);
  EXPECT_EQ("\n" + without_codes(coloured), rendered(pictures()));
}

TEST(Summary, TheSameDataAreJson) {
  RunSummary summary = pictures();
  summary.failures[0] += " \"\xFF\"";
  summary.notes = {"film.ts: its clock goes back"};
  const std::string text = summary_to_json(summary);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto json = boost::json::parse(text).as_object();
  EXPECT_EQ(json.begin()->key(), "model");
  EXPECT_EQ(json.at("pictures"), 128);
  EXPECT_EQ(json.at("failed"), 1);
  EXPECT_EQ(json.at("interrupted"), false);
  EXPECT_DOUBLE_EQ(json.at("seconds").as_double(), 3.192);
  EXPECT_DOUBLE_EQ(json.at("images_per_second").as_double(), 40.1);
  EXPECT_EQ(json.at("objects_by_class").at("chair"), 60);
  EXPECT_DOUBLE_EQ(json.at("stages").at("inference").at("lane_share").as_double(), 0.98);
  EXPECT_EQ(json.at("batches").at("8"), 15);
  EXPECT_EQ(json.at("close_reasons").at("full"), 15);
  EXPECT_EQ(json.at("memory_peak_bytes"), std::int64_t{161} << 20);
  EXPECT_EQ(json.at("failures").as_array().size(), 1U);
  EXPECT_EQ(json.at("notes").at(0), "film.ts: its clock goes back");
  EXPECT_EQ(json.at("written").at(1), "out/detections.jsonl (128 lines)");
  EXPECT_EQ(json.size(), 23U);
}

}  // namespace
}  // namespace shoal
