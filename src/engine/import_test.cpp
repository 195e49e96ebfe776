// Goal: every encoding is recognised from its file, and everything else is refused with a message
// that names what, which, expected and got.
// Method: tiny models made by make_models.py; their facts are known from the script.
#include <gtest/gtest.h>

#include <iterator>

#include "engine/plan_cache.h"
#include "engine/testdata/test_models.h"

namespace shoal {
namespace {

using testing_models::load;
using testing_models::ScratchFolder;
using testing_models::tiny;

Result<ModelInspection> inspect(const std::string& path, EngineOptions options = {}) {
  return inspect_model({.path = path, .embedded = {}, .name = ""}, options);
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void expect_error(const Result<ModelInspection>& result, ErrorCode code,
                  std::initializer_list<const char*> parts) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, code) << result.error().message;
  for (const char* part : parts) {
    EXPECT_NE(result.error().message.find(part), std::string::npos)
        << "'" << part << "' is missing in: " << result.error().message;
  }
}

struct Recognised {
  const char* file;
  const char* family;
  BoxEncoding encoding;
  int class_count;
  PixelFormat channels;
  Placement placement;
};

TEST(ImportTest, RecognisesEveryEncodingWithoutFlags) {
  using E = BoxEncoding;
  const Recognised rows[] = {
      {"xywh_dynamic.onnx", "yolov8", E::kXywhScores, 3, PixelFormat::kRgb8, Placement::kCentred},
      {"xywh_ir.xml", "yolov8", E::kXywhScores, 3, PixelFormat::kRgb8, Placement::kCentred},
      {"xywh_transposed.onnx", "yolov8_transposed", E::kXywhScores, 3, PixelFormat::kRgb8,
       Placement::kCentred},
      {"objectness.onnx", "yolov5", E::kXywhObjectnessScores, 3, PixelFormat::kRgb8,
       Placement::kCentred},
      {"end_to_end.onnx", "yolov10", E::kEndToEnd, 3, PixelFormat::kRgb8, Placement::kCentred},
      {"yolox_raw.onnx", "yolox", E::kYoloxGrid, 3, PixelFormat::kBgr8, Placement::kTopLeft},
      {"gfl_distances.onnx", "nanodet", E::kGflDistances, 3, PixelFormat::kBgr8,
       Placement::kCentred},
      {"gfl_bins.onnx", "picodet", E::kGflBins, 3, PixelFormat::kRgb8, Placement::kStretched},
  };
  for (const Recognised& row : rows) {
    SCOPED_TRACE(row.file);
    const auto found = inspect(tiny(row.file));
    ASSERT_TRUE(found.has_value()) << found.error().message;
    const ModelDescription& model = found->model;
    EXPECT_EQ(model.family, row.family);
    EXPECT_EQ(model.head.encoding, row.encoding);
    EXPECT_EQ(model.head.class_count, row.class_count);
    EXPECT_EQ(model.class_names.size(), static_cast<std::size_t>(row.class_count));
    EXPECT_EQ(model.input.channels, row.channels);
    EXPECT_EQ(model.input.placement, row.placement);
    EXPECT_EQ(model.input.size, (Size{64, 64}));
    EXPECT_TRUE(model.dynamic_batch);
    EXPECT_FALSE(model.why.empty());
    EXPECT_NE(model.content_hash, 0U);
  }
}

TEST(ImportTest, NamesComeFromMetadataOrAreNumbered) {
  const auto named = inspect(tiny("xywh_dynamic.onnx"));
  ASSERT_TRUE(named.has_value());
  EXPECT_TRUE(named->model.names_known);
  EXPECT_EQ(named->model.class_names, (std::vector<std::string>{"open", "don't", "pin-hole"}));
  const auto numbered = inspect(tiny("xywh_static1.onnx"));
  ASSERT_TRUE(numbered.has_value());
  EXPECT_FALSE(numbered->model.names_known);
  EXPECT_EQ(numbered->model.class_names[2], "class 2");
}

TEST(ImportTest, ATransposedHeadIsTurnedToChannelsFirst) {
  const auto found = inspect(tiny("xywh_transposed.onnx"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->model.outputs[0].shape, (Shape{.dims = {7, 84}, .rank = 2}));
}

TEST(ImportTest, CountsParametersAndOperations) {
  const auto found = inspect(tiny("gfl_distances.onnx"));
  ASSERT_TRUE(found.has_value());
  // Per stride s: weights (3 + 4) * 3 * s * s, biases 3 + 4; each weight is used on every cell.
  std::int64_t parameters = 0;
  std::int64_t flops = 0;
  for (const int s : {8, 16, 32}) {
    parameters += 7 * 3 * s * s + 7;
    flops += 2 * 7 * 3 * s * s * (64 / s) * (64 / s);
  }
  EXPECT_EQ(found->model.parameter_count, parameters);
  EXPECT_EQ(found->model.flops, flops);
  EXPECT_GE(found->weight_bytes, 4 * parameters);
  EXPECT_GE(found->activation_bytes, 4 * 3 * 64 * 64);
}

TEST(ImportTest, WhereTwoRowsFitTheUserIsAsked) {
  expect_error(inspect(tiny("decoded_ambiguous.onnx")), ErrorCode::kUnsupported,
               {"decoded_ambiguous.onnx", "'yolov6'", "'yolox_decoded'", "family"});
  EngineOptions options;
  options.family = "yolov6";
  const auto told = inspect(tiny("decoded_ambiguous.onnx"), options);
  ASSERT_TRUE(told.has_value()) << told.error().message;
  EXPECT_EQ(told->model.head.encoding, BoxEncoding::kXywhObjectnessScores);
}

TEST(ImportTest, RefusesWhatIsNoDetector) {
  expect_error(inspect(tiny("classifier.onnx")), ErrorCode::kUnsupported,
               {"classifier.onnx", "not a detector", "logits [1, 1000]", "expected"});
  expect_error(inspect(tiny("two_inputs.onnx")), ErrorCode::kUnsupported, {"2 inputs"});
  expect_error(inspect(tiny("segmentation.onnx")), ErrorCode::kUnsupported, {"'segment'"});
  expect_error(inspect(tiny("unknown_operator.onnx")), ErrorCode::kUnsupported,
               {"my.ops.MakeBoxes"});
}

TEST(ImportTest, RefusesMissingEmptyAndDamagedFiles) {
  const ScratchFolder folder;
  expect_error(inspect(folder.file("none.onnx")), ErrorCode::kNotFound, {"none.onnx", "no such"});
  expect_error(inspect(folder.write("empty.onnx", "")), ErrorCode::kCorruptInput, {"empty"});
  expect_error(inspect(folder.write("text.onnx", "This is a text, not a network.\n")),
               ErrorCode::kCorruptInput, {"text.onnx", "not an ONNX file"});
  expect_error(inspect(testing_models::tiny("")), ErrorCode::kInvalidArgument, {"a folder"});
  const std::string whole = content(tiny("xywh_dynamic.onnx"));
  ASSERT_GT(whole.size(), 1000U);
  for (const double part : {0.999, 0.5, 0.01}) {
    const auto bytes = static_cast<std::size_t>(part * static_cast<double>(whole.size()));
    expect_error(inspect(folder.write("cut.onnx", whole.substr(0, bytes))),
                 ErrorCode::kCorruptInput, {"cut.onnx", "cut off"});
  }
  folder.write("lone.xml", "<?xml version=\"1.0\"?><net name=\"x\" version=\"11\"></net>");
  expect_error(inspect(folder.file("lone.xml")), ErrorCode::kNotFound, {"lone.bin"});
}

TEST(ImportTest, WrongNumberOfNamesNamesBothCounts) {
  EngineOptions options;
  options.class_names = {"a", "b"};
  expect_error(inspect(tiny("xywh_dynamic.onnx"), options), ErrorCode::kInvalidArgument,
               {"2 class names", "3 classes"});
}

TEST(ImportTest, ReadsAModelFromMemory) {
  const std::string bytes = content(tiny("xywh_dynamic.onnx"));
  const ModelSource source{.path = "builtin:tiny",
                           .embedded = std::as_bytes(std::span(bytes)),
                           .name = "tiny"};
  const auto found = inspect_model(source, {});
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->model.name, "tiny");
  EXPECT_EQ(found->model.class_names.size(), 3U);
  EXPECT_EQ(found->model.content_hash, inspect(tiny("xywh_dynamic.onnx"))->model.content_hash);
}

TEST(SidecarTest, OverridesWhatInspectionCannotKnow) {
  const ScratchFolder folder;
  folder.write("model.onnx", content(tiny("gfl_bins.onnx")));
  folder.write("model.onnx.toml",
               "names = ['a', 'b', 'c']\nmean = [1, 2, 3]\nstd = 2\ncolor_order = 'bgr'\n"
               "placement = 'top_left'\ncell_offset = 0.0\n");
  const auto found = inspect(folder.file("model.onnx"));
  ASSERT_TRUE(found.has_value()) << found.error().message;
  const InputDescription& input = found->model.input;
  EXPECT_EQ(found->model.class_names[2], "c");
  EXPECT_TRUE(found->model.names_known);
  EXPECT_EQ(input.mean, (std::array<float, 3>{1, 2, 3}));
  EXPECT_EQ(input.scale, (std::array<float, 3>{0.5F, 0.5F, 0.5F}));
  EXPECT_EQ(input.channels, PixelFormat::kBgr8);
  EXPECT_EQ(input.placement, Placement::kTopLeft);
  EXPECT_EQ(found->model.head.cell_offset, 0.0F);
}

TEST(SidecarTest, RefusesUnknownKeysAndWrongKinds) {
  const ScratchFolder folder;
  folder.write("model.onnx", content(tiny("gfl_bins.onnx")));
  const auto with = [&](const std::string& text) {
    folder.write("model.toml", text);
    return inspect(folder.file("model.onnx"));
  };
  expect_error(with("colour_order = 'rgb'"), ErrorCode::kInvalidArgument,
               {"model.toml", "'colour_order'", "did you mean 'color_order'"});
  expect_error(with("mean = [1, 2]"), ErrorCode::kInvalidArgument, {"'mean'"});
  expect_error(with("std = 0"), ErrorCode::kInvalidArgument, {"'std'", "greater than 0"});
  expect_error(with("std = 2\nscale = 2"), ErrorCode::kInvalidArgument, {"'scale'"});
  expect_error(with("strides = [16, 8]"), ErrorCode::kInvalidArgument, {"'strides'"});
  expect_error(with("family = 'picodt'"), ErrorCode::kInvalidArgument, {"did you mean 'picodet'"});
  expect_error(with("names = ['a']"), ErrorCode::kInvalidArgument, {"1 class names", "3 classes"});
  expect_error(with("= broken"), ErrorCode::kCorruptInput, {"model.toml", "line 1"});
  expect_error(with("family = 'yolox'"), ErrorCode::kUnsupported, {"does not fit", "yolox"});
}

TEST(InspectTest, RefusalsNameTheNode) {
  const auto squeezed = inspect(tiny("static1_squeezed.onnx"));
  ASSERT_TRUE(squeezed.has_value());
  ASSERT_FALSE(squeezed->refusals.empty());
  EXPECT_EQ(squeezed->refusals[0].what, "batched execution");
  EXPECT_NE(squeezed->refusals[0].why.find("Squeeze 'squash'"), std::string::npos)
      << squeezed->refusals[0].why;
  const auto free_grid = inspect(tiny("xywh_free_grid.onnx"));
  ASSERT_TRUE(free_grid.has_value());
  EXPECT_TRUE(free_grid->refusals.empty());
}

TEST(PlanCacheTest, RemembersByTheWholeKey) {
  const ScratchFolder folder;
  const std::string file = folder.file("deep/plans.json");
  const PlanKey key = {{"model", "1"}, {"cpu", "A"}};
  const PlanKey other = {{"model", "1"}, {"cpu", "B"}};
  EXPECT_FALSE(find_plan(file, key).has_value());
  ASSERT_TRUE(store_plan(file, key, {true, 10, 20}).has_value());
  ASSERT_TRUE(store_plan(file, other, {false, 30, 20}).has_value());
  ASSERT_TRUE(store_plan(file, key, {true, 11, 22}).has_value());
  const auto found = find_plan(file, key);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->batched);
  EXPECT_EQ(found->batched_rate, 22);
  EXPECT_FALSE(find_plan(file, other)->batched);
  EXPECT_FALSE(find_plan(file, {{"model", "1"}, {"cpu", "C"}}).has_value());
}

TEST(PlanCacheTest, ADamagedFileCountsAsEmpty) {
  const ScratchFolder folder;
  const PlanKey key = {{"model", "1"}};
  for (const char* text : {"", "{", "[]", R"({"plans":[1,{"key":2},{"key":{"model":"1"}}]})"}) {
    const std::string file = folder.write("plans.json", text);
    EXPECT_FALSE(find_plan(file, key).has_value()) << text;
    ASSERT_TRUE(store_plan(file, key, {true, 1, 2}).has_value());
    EXPECT_TRUE(find_plan(file, key).has_value()) << text;
  }
  EXPECT_FALSE(store_plan("/proc/none/plans.json", key, {}).has_value());
}

}  // namespace
}  // namespace shoal
