// Alarms as they lie on the disk: what is written is what is read, and rubbish is refused.
#include "sink/alarm_file.h"

#include <gtest/gtest.h>

#include "core/alarm_json.h"

namespace shoal {
namespace {

using namespace std::chrono_literals;

Alarm example() {
  Alarm alarm;
  alarm.id = "1795248000123-line-1-3";
  alarm.rule = "short \"on\" the belt";
  alarm.camera = "line-1";
  alarm.at = WallTime(1'795'248'000'123ms);
  alarm.frame = 1ULL << 60;
  alarm.message = "1 x short in zone 'belt' for 0.5 s \xE2\x9C\x93";
  alarm.zone = "belt";
  alarm.size = {3840, 2160};
  alarm.objects = {{TrackId{17}, "short", 0.9123F, {1.25F, 2, 30.5F, 40}},
                   {TrackId{4294967295}, "", 1, {}}};
  return alarm;
}

TEST(AlarmFile, WhatIsWrittenIsWhatIsRead) {
  const Alarm alarm = example();
  const auto read = parse_alarm(alarm_json(alarm, true, true), "x.json");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, alarm.id);
  EXPECT_EQ(read->rule, alarm.rule);
  EXPECT_EQ(read->camera, alarm.camera);
  EXPECT_EQ(read->at, alarm.at);
  EXPECT_EQ(read->frame, alarm.frame);
  EXPECT_EQ(read->message, alarm.message);
  EXPECT_EQ(read->zone, alarm.zone);
  EXPECT_EQ(read->size, alarm.size);
  ASSERT_EQ(read->objects.size(), 2U);
  EXPECT_EQ(read->objects[0].track, TrackId{17});
  EXPECT_EQ(read->objects[0].name, "short");
  EXPECT_NEAR(read->objects[0].confidence, 0.9123, 1e-6);
  EXPECT_EQ(read->objects[0].box, alarm.objects[0].box);
  EXPECT_EQ(read->objects[1].track, TrackId{4294967295});
  EXPECT_EQ(alarm_json(*read, false, false), alarm_json(alarm, false, false));
}

TEST(AlarmFile, RubbishIsRefusedWithTheFilesName) {
  for (const char* text : {"", "[]", "{", "null", "{}", R"({"id":"x","time":"y"})",
                           R"({"id":"1795248000123-c-1"})",
                           R"({"id":"../../etc/passwd-1","time":"2026-11-21T08:00:00.000Z"})",
                           R"({"id":"1795248000123-c-1","time":"2026-13-21T08:00:00.000Z"})",
                           R"({"id":"1795248000123-c-1","time":"0001-01-01T08:00:00.000Z"})"}) {
    const auto read = parse_alarm(text, "x.json");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kCorruptInput);
    EXPECT_TRUE(read.error().message.starts_with("x.json: ")) << read.error().message;
  }
}

TEST(AlarmFile, FieldsOfOtherTypesHaveTheirDefaults) {
  const auto read = parse_alarm(
      R"({"id":"1795248000123-c-1","time":"2026-11-21T08:00:00.000Z","frame":-1,"width":1e300,)"
      R"("rule":7,"objects":[1,{"track_id":1e30,"confidence":"x","box":[]},{"box":{"x1":1e39}}]})",
      "x.json");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->frame, 0U);
  EXPECT_EQ(read->size, (Size{0, 0}));
  EXPECT_EQ(read->rule, "");
  ASSERT_EQ(read->objects.size(), 2U);
  EXPECT_EQ(read->objects[0].track, TrackId{0});
  EXPECT_EQ(read->objects[1].box.x1, 1e6F);
}

TEST(AlarmFile, IdsAreSafeNames) {
  for (const char* id : {"1795248000123-line-1-3", "1795248000123-a.b_c-0",
                         "0000000000000-x-18446744073709551615"}) {
    EXPECT_TRUE(is_alarm_id(id)) << id;
  }
  for (const char* id : {"", "1795248000123", "1795248000123-1", "1795248000123--1",
                         "179524800012-cam-1", "1795248000123-cam-", "1795248000123-cam-x",
                         "1795248000123-../x-1", "1795248000123-a b-1", "17952480001234cam-1"}) {
    EXPECT_FALSE(is_alarm_id(id)) << id;
  }
  EXPECT_FALSE(is_alarm_id("1795248000123-" + std::string(200, 'a') + "-1"));
  EXPECT_EQ(alarm_id_time("1795248000123-cam-1"), WallTime(1'795'248'000'123ms));
}

TEST(AlarmFile, TimesAreReadAsTheyAreWritten) {
  EXPECT_EQ(parse_wall_time("2026-11-21T08:00:00.123Z"), WallTime(1'795'248'000'123ms));
  EXPECT_EQ(parse_wall_time("1969-12-31T23:59:59.999Z"), WallTime(-1ms));
  EXPECT_FALSE(parse_wall_time("2026-11-21 08:00:00.123Z"));
  EXPECT_FALSE(parse_wall_time("2026-02-30T08:00:00.123Z"));
  EXPECT_FALSE(parse_wall_time("2026-11-21T24:00:00.123Z"));
  EXPECT_FALSE(parse_wall_time("2026-11-21T08:00:00.123"));
}

}  // namespace
}  // namespace shoal
