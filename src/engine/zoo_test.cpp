// Goal: real models are recognised without flags, agree with ONNX Runtime, and are batch invariant.
// Method: the zoo's models, where the zoo is present; ONNX Runtime through reference_outputs.py.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/testdata/test_models.h"

namespace shoal {
namespace {

using testing_models::fill;
using testing_models::load;
using testing_models::outputs_of;
using testing_models::ScratchFolder;
using testing_models::variable;
using testing_models::zoo_models;

struct ZooModel {
  const char* file;
  const char* family;
  BoxEncoding encoding;
  int side;
  PixelFormat channels;
  Placement placement;
  bool static_batch;
  int stride_max;
};

using E = BoxEncoding;
constexpr auto kRgb = PixelFormat::kRgb8;
constexpr auto kBgr = PixelFormat::kBgr8;
constexpr auto kMid = Placement::kCentred;
constexpr auto kTop = Placement::kTopLeft;
constexpr auto kFull = Placement::kStretched;
const ZooModel kZoo[] = {
    {"yolov5n_640_fp32", "yolov5", E::kXywhObjectnessScores, 640, kRgb, kMid, false, 32},
    {"yolov8n_640_dq8", "yolov8", E::kXywhScores, 640, kRgb, kMid, false, 32},
    {"yolo11n_640_dq8", "yolo11", E::kXywhScores, 640, kRgb, kMid, false, 32},
    {"yolov10n_640_dq8", "yolov10", E::kEndToEnd, 640, kRgb, kMid, false, 32},
    {"yolo26n_640_dq8", "yolo26", E::kEndToEnd, 640, kRgb, kMid, false, 32},
    {"yolox_nano_416_fp32", "yolox", E::kYoloxGrid, 416, kBgr, kTop, false, 32},
    {"yolox_nano_416_static1", "yolox", E::kYoloxGrid, 416, kBgr, kTop, true, 32},
    {"nanodet_m_320_fp32", "nanodet", E::kGflDistances, 320, kBgr, kMid, false, 32},
    {"nanodet_m_320_static1", "nanodet", E::kGflDistances, 320, kBgr, kMid, true, 32},
    {"picodet_s_320_fp32", "picodet", E::kGflBins, 320, kRgb, kFull, false, 64},
    {"picodet_s_320_static1", "picodet", E::kGflBins, 320, kRgb, kFull, true, 64},
};

class ZooTest : public ::testing::TestWithParam<ZooModel> {
 protected:
  void SetUp() override {
    if (zoo_models().empty()) GTEST_SKIP() << "no zoo: SHOAL_ZOO and ../shared/zoo lack models";
  }
  static std::string path() { return zoo_models() + GetParam().file + ".onnx"; }
};

EngineOptions fp32(int batch_max, Execution execution = Execution::kSpread) {
  EngineOptions options;
  options.precision = Precision::kFp32;
  options.batch_max = batch_max;
  options.execution = execution;
  return options;
}

TEST_P(ZooTest, IsRecognisedWithoutFlags) {
  const ZooModel& row = GetParam();
  const auto found = inspect_model({.path = path(), .embedded = {}, .name = ""}, {});
  ASSERT_TRUE(found.has_value()) << found.error().message;
  const ModelDescription& model = found->model;
  EXPECT_EQ(model.family, row.family);
  EXPECT_EQ(model.head.encoding, row.encoding);
  EXPECT_EQ(model.head.class_count, 80);
  EXPECT_EQ(model.class_names.at(5), "bus");
  EXPECT_EQ(model.names_known, !row.static_batch);
  EXPECT_EQ(model.input.size, (Size{row.side, row.side}));
  EXPECT_EQ(model.input.channels, row.channels);
  EXPECT_EQ(model.input.placement, row.placement);
  EXPECT_EQ(model.dynamic_batch, !row.static_batch);
  EXPECT_EQ(model.stride_max, row.stride_max);
  for (const Refusal& refusal : found->refusals) {
    EXPECT_NE(refusal.what, "batched execution") << refusal.why;
  }
}

bool close(float got, float expected, float tolerance = 1e-3F) {
  return std::abs(got - expected) <= tolerance * std::max(1.0F, std::abs(expected));
}

// Ranked detections of noise are near ties that may change places: rows are compared as a set,
// scores in order. A few at the cut may be others.
void expect_same_ranking(const std::vector<float>& got, const std::vector<float>& expected) {
  const std::size_t rows = got.size() / 6;
  std::size_t missing = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    ASSERT_TRUE(close(got[6 * i + 4], expected[6 * i + 4])) << "score of row " << i;
    bool found = false;
    for (std::size_t j = 0; j < rows && !found; ++j) {
      found = true;
      for (std::size_t k = 0; k < 6; ++k) {
        found = found && close(got[6 * j + k], expected[6 * i + k], 2e-3F);
      }
    }
    missing += found ? 0 : 1;
  }
  EXPECT_LE(missing, rows / 50) << "of " << rows << " rows";
}

TEST_P(ZooTest, OutputsAreThoseOfOnnxRuntime) {
  constexpr int kPictures = 2;
  auto engine = load(path(), fp32(kPictures));
  ASSERT_TRUE(engine.has_value()) << engine.error().message;
  const ModelDescription& model = (*engine)->model();
  auto lane = (*engine)->create_lane();
  fill(**lane, 0, kPictures, 5);
  const ScratchFolder folder;
  std::string pixels;
  for (int slot = 0; slot < kPictures; ++slot) {
    const auto input = (*lane)->input(0, slot);
    pixels.append(reinterpret_cast<const char*>(input.data()), input.size());
  }
  folder.write("pixels", pixels);
  std::string names;
  for (const OutputDescription& output : model.outputs) names += " '" + output.name + "'";
  const std::string command = fmt::format(
      "{} {}/src/engine/testdata/reference_outputs.py {} {} {} {} {} {} {}{}",
      variable("PYTHON", "python3"), variable("SHOAL_SOURCE_DIR", "."), path(),
      folder.file("pixels"), model.input.size.height, model.input.size.width,
      fmt::join(model.input.mean, ","), fmt::join(model.input.scale, ","), folder.file("expected"),
      names);
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  ASSERT_TRUE((*lane)->run(0, kPictures).has_value());
  std::ifstream file(folder.file("expected"), std::ios::binary);
  for (int slot = 0; slot < kPictures; ++slot) {
    const std::vector<float> got = outputs_of(**lane, 0, slot);
    std::vector<float> expected(got.size());
    file.read(reinterpret_cast<char*>(expected.data()),
              static_cast<std::streamsize>(expected.size() * sizeof(float)));
    ASSERT_TRUE(file.good());
    if (model.head.encoding == BoxEncoding::kEndToEnd) {
      expect_same_ranking(got, expected);
      continue;
    }
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_TRUE(close(got[i], expected[i]))
          << "slot " << slot << " value " << i << ": " << got[i] << ", expected " << expected[i];
    }
  }
}

TEST_P(ZooTest, BatchesHaveTheBitsOfSinglePictures) {
  constexpr int kMax = 16;
  const EngineOptions options = fp32(kMax);
  auto engine = load(path(), options);
  ASSERT_TRUE(engine.has_value()) << engine.error().message;
  auto lane = (*engine)->create_lane();
  std::vector<std::vector<float>> expected;
  for (int k = 0; k < kMax; ++k) {
    fill(**lane, 0, 1, static_cast<std::uint32_t>(k + 1));
    ASSERT_TRUE((*lane)->run(0, 1).has_value());
    expected.push_back(outputs_of(**lane, 0, 0));
  }
  for (const int count : {16, 8, 7, 4, 2, 1}) {
    fill(**lane, 0, kMax, 100);  // stale neighbours in the slots that do not run
    fill(**lane, 0, count, 1);
    ASSERT_TRUE((*lane)->run(0, count).has_value());
    for (int slot = 0; slot < count; ++slot) {
      ASSERT_EQ(outputs_of(**lane, 0, slot), expected[static_cast<std::size_t>(slot)])
          << "batch " << count << " slot " << slot;
    }
  }
}

TEST_P(ZooTest, ABatchedCallHasTheBitsOfSinglePictures) {
  constexpr int kBatch = 4;
  auto one = load(path(), fp32(1));
  auto batched = load(path(), fp32(kBatch, Execution::kBatched));
  ASSERT_TRUE(one.has_value()) << one.error().message;
  ASSERT_TRUE(batched.has_value()) << batched.error().message;
  auto single_lane = (*one)->create_lane();
  auto batch_lane = (*batched)->create_lane();
  fill(**batch_lane, 0, kBatch, 1);
  ASSERT_TRUE((*batch_lane)->run(0, kBatch).has_value());
  for (int slot = 0; slot < kBatch; ++slot) {
    fill(**single_lane, 0, 1, static_cast<std::uint32_t>(slot + 1));
    ASSERT_TRUE((*single_lane)->run(0, 1).has_value());
    ASSERT_EQ(outputs_of(**batch_lane, 0, slot), outputs_of(**single_lane, 0, 0)) << slot;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ZooTest, ::testing::ValuesIn(kZoo),
                         [](const auto& test) { return std::string(test.param.file); });

TEST(ZooPairsTest, StaticExportsAnswerAsTheirDynamicTwins) {
  if (zoo_models().empty()) GTEST_SKIP() << "no zoo: SHOAL_ZOO and ../shared/zoo lack models";
  for (const char* stem : {"yolox_nano_416", "nanodet_m_320", "picodet_s_320"}) {
    std::vector<std::vector<float>> rows;
    for (const char* kind : {"_static1", "_fp32"}) {
      auto engine = load(zoo_models() + stem + kind + ".onnx", fp32(3));
      ASSERT_TRUE(engine.has_value()) << engine.error().message;
      auto lane = (*engine)->create_lane();
      fill(**lane, 0, 3, 9);
      ASSERT_TRUE((*lane)->run(0, 3).has_value());
      rows.push_back(outputs_of(**lane, 0, 2));
    }
    ASSERT_EQ(rows[0].size(), rows[1].size());
    for (std::size_t i = 0; i < rows[0].size(); ++i) {
      ASSERT_NEAR(rows[0][i], rows[1][i], 1e-4F * std::max(1.0F, std::abs(rows[1][i])))
          << stem << " value " << i;
    }
  }
}

TEST(ZooCostTest, OperationsAreThePublishedOnes) {
  if (zoo_models().empty()) GTEST_SKIP() << "no zoo: SHOAL_ZOO and ../shared/zoo lack models";
  // Ultralytics' tables: YOLO11n 6.5 GFLOP and 2.6 M parameters, YOLOv8n 8.7 and 3.2.
  struct Published {
    const char* file;
    double flops;
    double parameters;
  };
  for (const Published& row : {Published{"yolo11n_640_dq8", 6.5e9, 2.6e6},
                               Published{"yolov8n_640_dq8", 8.7e9, 3.2e6}}) {
    const auto found =
        inspect_model({.path = zoo_models() + row.file + ".onnx", .embedded = {}, .name = ""}, {});
    ASSERT_TRUE(found.has_value());
    EXPECT_NEAR(static_cast<double>(found->model.flops), row.flops, 0.02 * row.flops);
    EXPECT_NEAR(static_cast<double>(found->model.parameter_count), row.parameters,
                0.03 * row.parameters);
  }
}

}  // namespace
}  // namespace shoal
