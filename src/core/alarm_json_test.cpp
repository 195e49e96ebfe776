// Goal: an alarm's JSON is docs/cameras-api.md's to the byte. Method: the document's own example
// is read from the file, its line breaks taken out, and compared.
#include "core/alarm_json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/wall_time.h"

namespace shoal {
namespace {

WallTime example_time() {
  using std::chrono::sys_days;
  return sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8);
}

// The alarm that the document shows.
Alarm example_alarm() {
  Alarm alarm;
  alarm.id = "1795248000000-line-1-3";
  alarm.rule = "short on the belt";
  alarm.camera = "line-1";
  alarm.at = example_time();
  alarm.frame = 412;
  alarm.message = "1 x short in zone 'belt' for 0.5 s";
  alarm.zone = "belt";
  alarm.objects = {{TrackId{17}, "short", 0.91F, {1.0F, 2.0F, 30.0F, 40.0F}}};
  alarm.size = {1280, 720};
  alarm.clip = "line-1/clip.mp4";
  alarm.thumbnail = {0xFF, 0xD8};
  return alarm;
}

// The JSON under "## ALARM", on one line: lines of the example continue after one space.
std::string documented_alarm() {
  const char* root = std::getenv("SHOAL_SOURCE_DIR");
  std::ifstream file(std::string(root != nullptr ? root : ".") + "/docs/cameras-api.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  const auto begin = page.find("```json\n", page.find("\n## ALARM\n")) + 8;
  std::string json = page.substr(begin, page.find("\n```", begin) - begin);
  for (auto at = json.find("\n "); at != std::string::npos; at = json.find("\n ")) {
    json.erase(at, 2);
  }
  return json;
}

TEST(AlarmJsonTest, IsTheDocumentsExampleToTheByte) {
  ASSERT_GT(documented_alarm().size(), 300U);
  EXPECT_EQ(alarm_json(example_alarm(), true, false), documented_alarm());
}

TEST(AlarmJsonTest, LinksAreNullWhereThereIsNothing) {
  Alarm alarm = example_alarm();
  alarm.thumbnail.clear();
  alarm.clip.clear();
  const std::string json = alarm_json(alarm, true, true);
  EXPECT_TRUE(json.ends_with(R"(],"thumbnail":null,"clip":null,"clip_ready":false})")) << json;
}

TEST(AlarmJsonTest, WithoutLinksItEndsWithTheObjects) {
  Alarm alarm = example_alarm();
  alarm.objects.clear();
  EXPECT_TRUE(alarm_json(alarm, false, true).ends_with(R"("height":720,"objects":[]})"));
}

TEST(AlarmJsonTest, AClipThatIsThereIsReady) {
  EXPECT_TRUE(alarm_json(example_alarm(), true, true).ends_with(R"("clip_ready":true})"));
}

TEST(AlarmJsonTest, TextIsEscapedAndIdsStayOneSegmentOfAPath) {
  Alarm alarm = example_alarm();
  alarm.message = "\"a\"\n\xFF";
  alarm.id = "1/..?";
  const std::string json = alarm_json(alarm, true, false);
  EXPECT_NE(json.find(R"("message":"\"a\"\n)" "\xEF\xBF\xBD\""), std::string::npos) << json;
  EXPECT_NE(json.find("/api/v1/alarms/1%2F..%3F/clip.mp4"), std::string::npos) << json;
}

TEST(WallTimeTest, CutsToMilliseconds) {
  const struct {
    WallTime time;
    const char* text;
  } kCases[] = {
      {example_time(), "2026-11-21T08:00:00.000Z"},
      {example_time() + std::chrono::nanoseconds(1'999'999), "2026-11-21T08:00:00.001Z"},
      {WallTime{}, "1970-01-01T00:00:00.000Z"},
      {WallTime{} - std::chrono::milliseconds(1), "1969-12-31T23:59:59.999Z"},
      {std::chrono::sys_days(std::chrono::year(2028) / 2 / 29) + std::chrono::hours(23) +
           std::chrono::minutes(59) + std::chrono::seconds(59),
       "2028-02-29T23:59:59.000Z"},
  };
  for (const auto& row : kCases) {
    fmt::memory_buffer out;
    append_wall_time(out, row.time);
    EXPECT_EQ(std::string_view(out.data(), out.size()), row.text);
  }
}

}  // namespace
}  // namespace shoal
