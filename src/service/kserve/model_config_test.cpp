// Goal: a config.pbtxt as Triton's users have them is read, honoured where it can be, and what is
// not honoured is named. Method: files in a folder of the test's own.
#include "service/kserve/model_config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "service/kserve/repository.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kConfig = R"(
# as an exporter writes it
name: "bus"
platform: "onnxruntime_onnx"
max_batch_size: 16
input [ { name: "images" data_type: TYPE_FP32 dims: [ 3, 384, 640 ] } ]
output [ { name: "output0", data_type: TYPE_FP32, dims: [ 84, -1 ], label_filename: "labels.txt" } ]
instance_group [ { count: 2 kind: KIND_CPU } ]
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 3000 }
parameters { key: "confidence" value: { string_value: "0.4" } }
parameters { key: "colour" value: { string_value: "blue" } }
optimization { execution_accelerators { cpu_execution_accelerator: [ { name: "openvino" } ] } }
sequence_batching { }
)";

class RepositoryTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("shoal_repository_" + std::to_string(getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }
  void write(const std::string& path, std::string_view text) const {
    fs::create_directories((folder / path).parent_path());
    std::ofstream(folder / path) << text;
  }
  Result<DetectorOptions> read(const std::string& name) const {
    return read_repository_model(folder.string(), name, DetectorOptions{.model = ""});
  }
  fs::path folder;
};

bool noted(const ReadConfig& read, std::string_view part) {
  return std::ranges::any_of(read.notes, [&](const std::string& note) {
    return note.find(part) != std::string::npos;
  });
}

TEST_F(RepositoryTest, HonouredFieldsReachTheOptions) {
  write("bus/config.pbtxt", kConfig);
  write("bus/labels.txt", "car\r\nbus\n");
  write("bus/1/model.onnx", "x");
  const auto options = read("bus");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->model, (folder / "bus/1/model.onnx").string());
  EXPECT_EQ(options->batch_max, 16);
  EXPECT_EQ(options->queue_delay, std::chrono::microseconds(3000));
  EXPECT_EQ(options->lanes, 2);
  EXPECT_FLOAT_EQ(options->confidence, 0.4F);
  EXPECT_EQ(options->shapes, (std::vector<Size>{{.width = 640, .height = 384}}));
  EXPECT_EQ(options->class_names, (std::vector<std::string>{"car", "bus"}));
}

TEST_F(RepositoryTest, TheHighestVersionIsServed) {
  write("net/2/model.onnx", "x");
  write("net/10/model.onnx", "x");
  write("net/9/model.onnx", "x");
  write("net/old/model.onnx", "x");
  EXPECT_EQ(read("net")->model, (folder / "net/10/model.onnx").string());
  write("net/config.pbtxt", "version_policy { specific { versions: [2, 9] } }");
  EXPECT_EQ(read("net")->model, (folder / "net/9/model.onnx").string());
  write("net/config.pbtxt", "default_model_filename: \"best.onnx\"");
  EXPECT_EQ(read("net").error().code, ErrorCode::kNotFound);
  write("net/10/best.onnx", "x");
  EXPECT_EQ(read("net")->model, (folder / "net/10/best.onnx").string());
}

TEST_F(RepositoryTest, OneBadModelDoesNotHideTheOthers) {
  write("good/1/model.onnx", "x");
  write("bad/1/model.onnx", "x");
  write("bad/config.pbtxt", "max_batch_size: \"many\"");
  write("empty/readme", "x");
  write(".hidden/1/model.onnx", "x");
  const auto models = read_repository(folder.string());
  ASSERT_TRUE(models);
  ASSERT_EQ(models->size(), 1U);
  EXPECT_EQ(models->begin()->first, "good");
  EXPECT_NE(read("bad").error().message.find("config.pbtxt: line 1"), std::string::npos)
      << read("bad").error().message;
  EXPECT_EQ(read_repository((folder / "nowhere").string()).error().code, ErrorCode::kNotFound);
}

TEST_F(RepositoryTest, NamesAndFilesStayInTheirFolder) {
  write("net/1/model.onnx", "x");
  write("secret.txt", "x");
  for (const char* name : {"../net", "..", ".", "net/1", "net/../net", "/etc", ""}) {
    EXPECT_EQ(read(name).error().code, ErrorCode::kNotFound) << name;
  }
  write("net/config.pbtxt", "default_model_filename: \"../../secret.txt\"");
  EXPECT_EQ(read("net").error().code, ErrorCode::kInvalidArgument);
  write("net/config.pbtxt", "output { label_filename: \"../secret.txt\" }");
  EXPECT_EQ(read("net").error().code, ErrorCode::kInvalidArgument);
}

TEST(ModelConfigTest, WhatMeansNothingHereIsNamed) {
  auto config = read_config_text(kConfig);
  ASSERT_TRUE(config) << config.error().message;
  DetectorOptions options;
  ASSERT_TRUE(apply_config(*config, "bus", "", options));
  EXPECT_TRUE(noted(*config, "optimization"));
  EXPECT_TRUE(noted(*config, "sequence_batching"));
  EXPECT_TRUE(noted(*config, "preferred_batch_size"));
  EXPECT_TRUE(noted(*config, "parameter colour"));
  EXPECT_TRUE(noted(*config, "label_filename"));
  EXPECT_FALSE(noted(*config, "max_batch_size"));
}

TEST(ModelConfigTest, RefusesWhatCannotBe) {
  const auto refused = [](std::string_view text) {
    auto config = read_config_text(text);
    if (!config) return config.error().code;
    DetectorOptions options;
    const auto applied = apply_config(*config, "bus", "", options);
    return applied ? ErrorCode::kInternal : applied.error().code;
  };
  EXPECT_EQ(refused("name: \"tram\""), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("platform: \"tensorrt_plan\""), ErrorCode::kUnsupported);
  EXPECT_EQ(refused("max_batch_size: -1"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("instance_group { count: 300 }"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("dynamic_batching { max_queue_delay_microseconds: 99999999999 }"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("input {} input {}"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("parameters { key: \"iou\" value: { string_value: \"nan\" } }"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("max_batch_size 4"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("name: \"bus\""), ErrorCode::kInternal) << "is fine, in fact";
}

TEST(ModelConfigTest, NoBatchesMeansBatchesOfOne) {
  auto config = read_config_text("max_batch_size: 0");
  ASSERT_TRUE(config);
  DetectorOptions options;
  ASSERT_TRUE(apply_config(*config, "bus", "", options));
  EXPECT_EQ(options.batch_max, 1);
  config = read_config_text("");
  options.batch_max = 8;
  ASSERT_TRUE(apply_config(*config, "bus", "", options));
  EXPECT_EQ(options.batch_max, 8);
}

TEST(ModelConfigTest, DepthAndSizeAreBounded) {
  for (const std::string_view opening : {"optimization {", "x: [", "x <", "unknown { y: ["}) {
    std::string deep;
    for (int i = 0; i < 100'000 / 10; ++i) deep += opening;
    EXPECT_FALSE(read_config_text(deep));
  }
  EXPECT_FALSE(read_config_text(std::string(kConfigBytesMax + 1, ' ')));
  EXPECT_FALSE(read_config_json(std::string(10'000, '[')));
  EXPECT_TRUE(read_config_text("name: \"{{{{{{\"  # [[[[["));
}

}  // namespace
}  // namespace shoal
