// Goal: every type of sink can be made from its configuration, and what is wrong is named with the
// sink. What sinks write is tested beside them.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/fixtures_test.h"
#include "pipeline/site_sinks.h"

namespace shoal {
namespace {

TEST(SiteSinks, EveryTypeOfFileIsMade) {
  const ScratchFolder folder;
  for (const char* type : {"jsonl", "coco", "yolo", "mot", "video", "sqlite"}) {
    SinkConfig config;
    config.type = type;
    config.path = folder.file(type);
    auto sink = make_camera_sink(config);
    ASSERT_TRUE(sink) << sink.error().message;
    EXPECT_TRUE((*sink)->name().starts_with(config.path)) << (*sink)->name();
    EXPECT_EQ((*sink)->wants_pixels(), config.type == "video");
    EXPECT_TRUE((*sink)->wants_results());
    EXPECT_TRUE((*sink)->finish());
    EXPECT_TRUE(std::filesystem::exists(config.path));
  }
}

TEST(SiteSinks, BrokersAreConnectedLater) {
  for (const char* url :
       {"mqtt://127.0.0.1:1", "http://127.0.0.1:1/alarms", "nats://127.0.0.1:1"}) {
    SinkConfig config;
    config.url = url;
    config.type = config.url.starts_with("http") ? "webhook" : config.url.substr(0, 4);
    const auto sink = make_camera_sink(config);
    ASSERT_TRUE(sink) << sink.error().message;
    EXPECT_FALSE((*sink)->wants_pixels());
    EXPECT_EQ((*sink)->wants_results(), config.type != "webhook");
  }
}

TEST(SiteSinks, WhatIsWrongIsNamedWithTheSink) {
  const ScratchFolder folder;
  std::ofstream(folder.file("taken")) << "x";
  std::ofstream(folder.file("empty")) << "\nsecond line\n";
  SinkConfig config;
  config.type = "redis";
  EXPECT_EQ(make_camera_sink(config).error().message,
            "sink 'redis': type: expected jsonl, coco, yolo, mot, video, sqlite, mqtt, webhook or "
            "nats, got 'redis'");
  config.type = "video";
  config.name = "archive";
  config.path = folder.file("taken");
  const auto video = make_camera_sink(config);
  ASSERT_FALSE(video);
  EXPECT_EQ(video.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(video.error().message.starts_with("sink 'archive': ")) << video.error().message;
  config.type = "mqtt";
  config.url = "mqtt://127.0.0.1:1";
  config.user = "me";
  config.password_file = folder.file("missing");
  EXPECT_EQ(make_camera_sink(config).error().code, ErrorCode::kNotFound);
  config.password_file = folder.file("empty");
  EXPECT_NE(make_camera_sink(config).error().message.find("chmod 600"), std::string::npos);
  std::filesystem::permissions(config.password_file, std::filesystem::perms::owner_read);
  const auto mqtt = make_camera_sink(config);
  ASSERT_FALSE(mqtt);
  EXPECT_EQ(mqtt.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(mqtt.error().message.find("sink 'archive': password_file: expected the secret in the "
                                      "first line"), std::string::npos) << mqtt.error().message;
}

TEST(SiteSinksTest, NobodyWaitsForTheReaderOfAPipe) {
  const ScratchFolder folder;
  const std::string pipe = folder.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const char* type : {"jsonl", "coco", "mot", "yolo", "video", "sqlite"}) {
    SinkConfig config;
    config.type = type;
    config.path = pipe;
    const auto sink = make_camera_sink(config);
    ASSERT_FALSE(sink) << type;
    EXPECT_NE(sink.error().message.find("pipe"), std::string::npos) << sink.error().message;
  }
}

}  // namespace
}  // namespace shoal
