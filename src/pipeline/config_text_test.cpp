// Goal: what is printed as the effective configuration is it, and the reference file's commented
// examples name every key with its default. Method: read back; uncomment and compare.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "pipeline/config.h"
#include "pipeline/site_config_fields.h"

namespace shoal {
namespace {

std::string source_file(const std::string& name) {
  const char* folder = std::getenv("SHOAL_SOURCE_DIR");
  std::ifstream file(std::string(folder == nullptr ? "." : folder) + "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The examples of [[camera]], [[alarm]] and [[sink]], with their prose still commented.
std::string examples() {
  const std::string text = source_file("shoal.toml");
  std::istringstream lines(text.substr(text.find("\n[site]\n")));
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const bool comment = line.starts_with("# ");
    const std::string key = comment ? line.substr(2, line.find(" = ") - 2) : "";
    const bool entry = comment && line.find(" = ") != std::string::npos &&
                       std::all_of(key.begin(), key.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || c == '_';
                       });
    out += (entry || line.starts_with("# [[") ? line.substr(2) : line) + "\n";
  }
  return out;
}

TEST(ConfigTextTest, TheReferenceFilesExamplesHoldTheDefaults) {
  const auto file = parse_config(examples(), "shoal.toml");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->site.cameras.size(), 1U);
  const CameraConfig& camera = file->site.cameras[0];
  CameraConfig expected;  // what has no default is as it is there
  expected.name = camera.name;
  expected.url = camera.url;
  expected.confidence = camera.confidence;
  expected.zones = camera.zones;
  expected.lines = camera.lines;
  EXPECT_EQ(camera, expected);
  ASSERT_EQ(camera.zones.size(), 1U);
  EXPECT_EQ(camera.zones[0].dwell, ZoneConfig{}.dwell);
  ASSERT_EQ(file->site.alarms.size(), 1U);
  AlarmConfig alarm;
  alarm.when = file->site.alarms[0].when;
  EXPECT_EQ(file->site.alarms[0], alarm);
  ASSERT_EQ(file->site.sinks.size(), 4U);
  for (const SinkConfig& sink : file->site.sinks) {
    SinkConfig expected_sink;
    expected_sink.type = sink.type;
    expected_sink.name = sink.name;
    expected_sink.path = sink.path;
    expected_sink.url = sink.url;
    EXPECT_EQ(sink, expected_sink) << sink.type;
  }
  SiteConfig site = file->site;
  site.cameras.clear();
  site.alarms.clear();
  site.sinks.clear();
  EXPECT_EQ(site, SiteConfig{});
}

TEST(ConfigTextTest, TheReferenceFilesExamplesNameEveryKey) {
  const std::string text = examples();
  const auto section = [&](const std::string& begin) {
    const std::size_t at = text.find("\n[[" + begin + "]]\n");
    return begin == "sink" ? text.substr(at) : text.substr(at, text.find("\n[[", at + 3) - at);
  };
  const auto expect_keys = [&](const std::string& of, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      EXPECT_NE(section(of).find("\n" + key + " = "), std::string::npos) << of << ": " << key;
    }
  };
  expect_keys("camera", keys_of(camera_fields()));
  expect_keys("alarm", keys_of(alarm_fields()));
  expect_keys("sink", keys_of(sink_fields()));
}

TEST(ConfigTextTest, EveryExampleOfTheGuideCanBeRead) {
  const std::string text = source_file("docs/cameras.md");
  const std::string fence = "```toml\n";
  int examples = 0;
  for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at)) {
    at += fence.size();
    const std::string example = text.substr(at, text.find("```", at) - at);
    const auto config = parse_config(example, "docs/cameras.md");
    EXPECT_TRUE(config) << config.error().message << "\n" << example;
    ++examples;
  }
  EXPECT_GE(examples, 5);
}

void expect_same(const Config& a, const Config& b) {
  EXPECT_EQ(a.detector, b.detector);
  EXPECT_EQ(a.service, b.service);
  EXPECT_EQ(a.site, b.site);
  EXPECT_EQ(a.queue_limit, b.queue_limit);
  EXPECT_EQ(a.timeout, b.timeout);
  EXPECT_EQ(a.priority_ageing, b.priority_ageing);
  EXPECT_EQ(a.bypass_lane, b.bypass_lane);
  EXPECT_EQ(a.decode_threads, b.decode_threads);
  EXPECT_EQ(a.scaled_decode, b.scaled_decode);
  ASSERT_EQ(a.models.size(), b.models.size());
  for (std::size_t i = 0; i < a.models.size(); ++i) {
    EXPECT_EQ(a.models[i].name, b.models[i].name);
    EXPECT_EQ(a.models[i].detector, b.models[i].detector);
  }
}

TEST(ConfigTextTest, WhatIsPrintedReadsBackToTheSame) {
  std::string examples_without_password = examples();
  const std::string password = ":password@";
  examples_without_password.replace(examples_without_password.find(password), password.size(), "@");
  for (const std::string& text :
       {std::string(), examples_without_password,
        std::string("[model]\nshapes = [\"640x384\"]\nnames = [\"a\\\"b\\n\"]\n"
                    "[model.\"a.b\"]\nbatch = 2\nmemory_limit = \"80%\"\n"
                    "[scheduler]\nqueue_delay_ms = 2.3\nwhen_full = \"reject\"\n"
                    "[detect]\nconf = 0.3\nclasses = [1, 2]\n[decode]\nscaled = true\n"
                    "[site]\nstate_file = \"s\"\nspool_max = 1048577\n"
                    "[service]\nhttp = \"\"\n")}) {
    const auto config = parse_config(text, "test");
    ASSERT_TRUE(config) << config.error().message;
    const std::string printed = config_text(*config);
    const auto again = parse_config(printed, "printed");
    ASSERT_TRUE(again) << again.error().message << "\n" << printed;
    expect_same(*config, *again);
    EXPECT_EQ(config_text(*again), printed);
  }
}

TEST(ConfigTextTest, PasswordsAreNotPrinted) {
  const auto config = parse_config(
      "[[camera]]\nname = \"a\"\nurl = \"rtsp://admin:geheim@h/1\"\n"
      "[[camera]]\nname = \"b\"\nurl = \"http://h/x?user=u&password=geheim\"\n"
      "[[sink]]\ntype = \"webhook\"\nurl = \"https://h/x?token=geheim\"\n", "test");
  ASSERT_TRUE(config) << config.error().message;
  const std::string text = config_text(*config);
  EXPECT_EQ(text.find("geheim"), std::string::npos) << text;
  EXPECT_NE(text.find("url = \"rtsp://admin:***@h/1\"\n"), std::string::npos) << text;
  EXPECT_NE(text.find("url = \"http://h/x?user=***&password=***\"\n"), std::string::npos) << text;
}

TEST(ConfigTextTest, SinksArePrintedWithTheKeysOfTheirType) {
  const auto config = parse_config("[[sink]]\ntype = \"jsonl\"\npath = \"x\"\n", "test");
  ASSERT_TRUE(config);
  const std::string text = config_text(*config);
  EXPECT_EQ(text.substr(text.find("[[sink]]")),
            "[[sink]]\ntype = \"jsonl\"\nname = \"jsonl\"\npath = \"x\"\ncameras = []\n"
            "queue = 256\n");
}

}  // namespace
}  // namespace shoal
