// The language of alarm conditions: a table of conditions and the scenes they hold in, a table of
// mistakes and what is said about them, and when an alarm fires.
#include "track/alarm_rule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/counted_allocations.h"
#include "track/tracks_for_test.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<std::string> kClasses{"open", "short", "mouse bite", "J\xC3\xB6rg"};

std::shared_ptr<const CameraIdentity> camera() {
  auto identity = std::make_shared<CameraIdentity>();
  identity->name = "line-1";
  identity->class_names = kClasses;
  identity->zones = {"belt", "dock"};
  identity->lines = {"gate", "exit"};
  return identity;
}

struct Seen {
  std::int32_t class_id = 0;
  std::uint64_t zones = 0;
  float confidence = 0.5F;
  int age_s = 1;
  double width = 100;  // of 1000 x 500, height 50: area 0.01
  bool stationary = false;
};

class AlarmTest : public ::testing::Test {
 protected:
  AlarmTest() { result_.camera = camera(); }

  void scene(std::initializer_list<Seen> all, std::int64_t ms = 0) {
    set_frame(result_, ms, {});
    result_.tracks.clear();
    result_.crossings.clear();
    std::uint32_t id = 0;
    for (const Seen& one : all) {
      Track track;
      track.id = TrackId{++id};
      track.class_id = one.class_id;
      track.zones = one.zones;
      track.confidence = one.confidence;
      track.age = seconds(one.age_s);
      track.stationary = one.stationary;
      track.box = {0, 0, static_cast<float>(one.width), 50};
      result_.tracks.push_back(track);
    }
  }
  void crossing(std::uint32_t track, std::int32_t line, CrossingDirection direction) {
    result_.crossings.push_back(
        {.line = line, .direction = direction, .track = TrackId{track}, .class_id = 0});
  }
  static AlarmRule parsed(const std::string& text) {
    auto rule = AlarmRule::parse(text);
    if (!rule) ADD_FAILURE() << rule.error().message;
    return *rule;
  }
  std::optional<AlarmMatch> once(const std::string& text) {
    AlarmWatch watch(parsed(text), Duration{});
    return watch.update(result_);
  }
  // The numbers of the tracks that made it true, from 1; "no" where it does not hold.
  std::string who(const std::string& text) {
    const auto match = once(text);
    if (!match) return "no";
    std::string names;
    for (const std::size_t i : match->tracks) {
      names += (names.empty() ? "" : " ") + std::to_string(i + 1);
    }
    return names;
  }

  CameraResult result_;
};

TEST_F(AlarmTest, ComparesSingleTracks) {
  scene({{.class_id = 0, .zones = 1, .confidence = 0.5F, .age_s = 1},
         {.class_id = 1, .zones = 2, .confidence = 0.8F, .age_s = 90, .width = 1000,
          .stationary = true},
         {.class_id = 2, .zones = 3, .confidence = 0.25F, .age_s = 4000, .width = 500}});
  const std::vector<std::pair<std::string, std::string>> table{
      {"class == 'open'", "1"},
      {"class == \"short\"", "2"},
      {"class != 'open'", "2 3"},
      {"class in ['open', 'mouse bite', 'unknown']", "1 3"},
      {"class == 'unknown'", "no"},
      {"not class == 'open'", "2 3"},
      {"zone == 'belt'", "1 3"},
      {"zone != 'belt'", "2"},
      {"zone == 'nowhere'", "no"},
      {"zone in ['belt', 'dock']", "1 2 3"},
      {"zone == 'belt' and zone == 'dock'", "3"},
      {"camera == 'line-1'", "1 2 3"},
      {"camera != 'line-1'", "no"},
      {"camera in ['x', 'line-1'] and class == 'open'", "1"},
      {"confidence == 0.5", "1"},
      {"confidence != .5", "2 3"},
      {"confidence > 0.5", "2"},
      {"confidence >= 0.5", "1 2"},
      {"confidence < 0.5", "3"},
      {"confidence <= 0.5", "1 3"},
      {"age > 1m", "2 3"},
      {"age >= 1h", "3"},
      {"age == 1000ms", "1"},
      {"age < 1.5s", "1"},
      {"area == 0.01", "1"},
      {"area > 0.05", "2"},
      {"stationary", "2"},
      {"not stationary", "1 3"},
      {"class == 'open' or class == 'short' and stationary", "1 2"},
      {"(class == 'open' or class == 'short') and stationary", "2"},
      {"not (class == 'open' or stationary)", "3"},
      {"not not class == 'open'", "1"},
      {"  class=='open'\tand\nzone=='belt'  ", "1"},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(who(text), expected) << text;
}

TEST_F(AlarmTest, CountsTheTracksThatSatisfyTheRest) {
  scene({{.class_id = 0, .zones = 1}, {.class_id = 0, .zones = 1}, {.class_id = 1, .zones = 1},
         {.class_id = 0, .zones = 2}});
  const std::vector<std::pair<std::string, std::string>> table{
      {"class == 'open' and count >= 3", "1 2 4"},
      {"class == 'open' and count > 3", "no"},
      {"count == 4", "1 2 3 4"},
      {"count >= 2 and zone == 'belt' and class == 'open'", "1 2"},
      {"zone == 'dock' and count == 1", "4"},
      {"zone == 'dock' and count != 1", "no"},
      {"class == 'mouse bite' and count == 0", ""},
      {"class == 'open' and count < 2", "no"},
      {"class == 'open' and count >= 2 and count <= 3", "1 2 4"},
      {"zone == 'belt' and (class == 'open' and count >= 2 or class == 'short' and count >= 2)",
       "1 2"},
      {"zone == 'belt' and (class == 'open' and count >= 3 or class == 'short' and count >= 1)",
       "3"},
      {"class == 'open' and count >= 9 or zone == 'dock'", "4"},
      {"not (class == 'mouse bite' and count >= 1)", ""},
      {"not (class == 'open' and count >= 1)", "no"},
      {"zone == 'belt' and not (class == 'short' and count >= 1)", "no"},
      {"zone == 'dock' and not (class == 'short' and count >= 1)", ""},
      {"class == 'open' and (count == 1 or count == 3)", "1 2 4"},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(who(text), expected) << text;
  scene({});
  EXPECT_EQ(who("count == 0"), "");
  EXPECT_EQ(who("count >= 1"), "no");
  EXPECT_EQ(who("class != 'open'"), "no");
}

TEST_F(AlarmTest, SeesCrossingsInTheirFrame) {
  scene({{.class_id = 0}, {.class_id = 1}});
  crossing(2, 0, CrossingDirection::kForward);
  EXPECT_EQ(who("crossed == 'gate'"), "2");
  EXPECT_EQ(who("crossed == 'gate' forward"), "2");
  EXPECT_EQ(who("crossed == 'gate' backward"), "no");
  EXPECT_EQ(who("crossed == 'exit'"), "no");
  EXPECT_EQ(who("crossed in ['exit', 'gate'] and class == 'short'"), "2");
  EXPECT_EQ(who("crossed == 'gate' and class == 'open'"), "no");
  EXPECT_EQ(once("crossed == 'gate'")->message, "1 x short crossed 'gate'");
  AlarmWatch watch(parsed("crossed == 'gate'"), Duration{});
  EXPECT_TRUE(watch.update(result_));
  result_.captured += milliseconds(40);  // the next frame has a crossing, too
  EXPECT_TRUE(watch.update(result_));
  result_.crossings.clear();
  EXPECT_FALSE(watch.update(result_));
}

TEST_F(AlarmTest, SaysWhoWhereAndHowLong) {
  scene({{.class_id = 0, .zones = 2}, {.class_id = 1, .zones = 2}, {.class_id = 0, .zones = 2}});
  EXPECT_EQ(once("count >= 1")->message, "2 x open, 1 x short");
  const auto match = once("zone in ['belt', 'dock'] and class == 'open'");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->message, "2 x open in zone 'dock'");
  EXPECT_EQ(match->zone, "dock");
  EXPECT_EQ(once("class in ['mouse bite', 'hole'] and count == 0")->message,
            "0 x mouse bite or hole");
  EXPECT_EQ(once("zone != 'belt'")->zone, "");
  AlarmWatch watch(parsed("zone == 'dock' and count >= 3 for 0.5s"), Duration{});
  EXPECT_FALSE(watch.update(result_));
  result_.captured += milliseconds(500);
  EXPECT_EQ(watch.update(result_)->message, "2 x open, 1 x short in zone 'dock' for 0.5 s");
}

TEST_F(AlarmTest, DwellIsTheTimeInTheZoneThatIsNamed) {
  AlarmWatch watch(parsed("zone == 'belt' and dwell >= 1s"), Duration{});
  const auto fires = [&](std::int64_t ms, std::uint64_t zones) {
    scene({{.zones = zones}}, ms);
    return watch.update(result_).has_value();
  };
  EXPECT_FALSE(fires(0, 2));  // the other zone's time does not count
  EXPECT_FALSE(fires(2000, 1));
  EXPECT_FALSE(fires(2900, 1));
  EXPECT_FALSE(fires(2950, 2));  // out and in again: from the start
  EXPECT_FALSE(fires(3000, 1));
  EXPECT_FALSE(fires(3999, 3));
  EXPECT_TRUE(fires(4000, 1));
}

TEST_F(AlarmTest, ForMeansWithoutInterruption) {
  AlarmWatch watch(parsed("class == 'short' and zone == 'belt' and count >= 1 for 0.5s"),
                   seconds(0));
  const auto fires = [&](std::int64_t ms, bool there) {
    if (there) scene({{.class_id = 1, .zones = 1}}, ms);
    else scene({}, ms);
    return watch.update(result_).has_value();
  };
  EXPECT_FALSE(fires(0, true));
  EXPECT_FALSE(fires(499, true));
  EXPECT_FALSE(fires(500, false));
  EXPECT_FALSE(fires(600, true));
  EXPECT_FALSE(fires(1099, true));
  EXPECT_TRUE(fires(1100, true));
  for (int ms = 1200; ms < 5000; ms += 100) EXPECT_FALSE(fires(ms, true)) << ms;
  EXPECT_FALSE(fires(5000, false));
  EXPECT_FALSE(fires(5100, true));
  EXPECT_TRUE(fires(5600, true));
}

TEST_F(AlarmTest, NeverFiresTwiceWithinTheCooldown) {
  AlarmWatch watch(parsed("count >= 1"), seconds(10));
  const auto fires = [&](std::int64_t s, bool there) {
    if (there) scene({{}}, 1000 * s);
    else scene({}, 1000 * s);
    return watch.update(result_).has_value();
  };
  EXPECT_TRUE(fires(0, true));
  EXPECT_FALSE(fires(1, false));
  EXPECT_FALSE(fires(2, true));  // again, but too early
  EXPECT_FALSE(fires(9, true));
  EXPECT_TRUE(fires(10, true));  // the cool-down is over and it holds still
  EXPECT_FALSE(fires(11, true));
  EXPECT_TRUE(fires(20, true));
  EXPECT_FALSE(fires(21, false));
  EXPECT_TRUE(fires(35, true));
}

TEST_F(AlarmTest, AChangedCameraIsLookedUpAnew) {
  AlarmWatch watch(parsed("class == 'open' and zone == 'dock'"), Duration{});
  scene({{.class_id = 1, .zones = 1}});
  EXPECT_FALSE(watch.update(result_));
  auto changed = std::make_shared<CameraIdentity>();
  changed->class_names = {"short", "open"};
  changed->zones = {"dock"};
  result_.camera = changed;
  EXPECT_TRUE(watch.update(result_));
}

TEST_F(AlarmTest, DoesNotAllocateWhileNothingFires) {
  AlarmWatch watch(parsed("(zone == 'belt' and dwell > 1h or crossed == 'gate') and "
                          "(class == 'open' and count > 50 or class == 'short' and count > 50)"),
                   seconds(1));
  scene({{.zones = 1}, {.zones = 1}, {.zones = 3}, {.class_id = 1}});
  crossing(2, 0, CrossingDirection::kForward);
  EXPECT_FALSE(watch.update(result_));
  const std::size_t before = counted_allocations();
  for (int i = 0; i < 20; ++i) {
    result_.captured += milliseconds(40);
    EXPECT_FALSE(watch.update(result_));
  }
  EXPECT_EQ(counted_allocations() - before, 0U);
}

TEST(AlarmRuleTest, NamesWhatItSpeaksOf) {
  const auto rule = AlarmRule::parse(
      "camera != 'x' and (class in ['a', 'b'] or class == 'a') and zone == 'z' and "
      "not zone in ['y', 'z'] and crossed in ['l', 'm'] backward");
  ASSERT_TRUE(rule) << rule.error().message;
  EXPECT_EQ(rule->cameras(), (std::vector<std::string>{"x"}));
  EXPECT_EQ(rule->classes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(rule->zones(), (std::vector<std::string>{"z", "y"}));
  EXPECT_EQ(rule->lines(), (std::vector<std::string>{"l", "m"}));
  EXPECT_EQ(AlarmRule(*rule).text(), rule->text());
}

TEST(AlarmRuleTest, MistakesAreNamedWithTheirPlace) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "column 1: expected a condition; got the end"},
      {"   ", "column 4: expected a condition; got the end"},
      {"clas == 'a'", "column 1: expected a field (class, zone, camera, confidence, age, area, "
                      "dwell, stationary, crossed or count); got clas; did you mean 'class'?"},
      {"class = 'a'", "column 7: expected ==; got ="},
      {"class is 'a'", "column 7: expected ==, != or in; got is"},
      {"class == a", "column 10: expected a 'name' in quotes; got a"},
      {"class == 'a", "column 10: a name without its closing '"},
      {"class == ''", "column 10: expected a name; got ''"},
      {"class in 'a'", "column 10: expected [ and names, as in ['a', 'b']; got 'a'"},
      {"class in ['a' 'b']", "column 15: expected , or ]; got 'b'"},
      {"class in []", "column 11: expected a 'name' in quotes; got ]"},
      {"class == 'a' zone == 'b'", "column 14: expected and, or, for or the end; got zone"},
      {"class == 'a' && zone == 'b'", "column 14: expected and; got &&"},
      {"class == 'a' || zone == 'b'", "column 14: expected or; got ||"},
      {"!stationary", "column 1: expected not or !=; got !"},
      {"class == 'a' and", "column 17: expected a field such as class, zone or count; got the end"},
      {"(class == 'a'", "column 14: expected ), and or or; got the end"},
      {"class == 'a')", "column 13: expected and, or, for or the end; got )"},
      {"confidence > 80", "column 14: expected a number from 0 to 1; got 80"},
      {"confidence 0.5", "column 12: expected ==, !=, <, <=, > or >=; got 0.5"},
      {"confidence > -1", "column 14: no number here is negative"},
      {"confidence > 1.2.3", "column 14: expected a number; got 1.2.3"},
      {"area > 'a'", "column 8: expected a number from 0 to 1; got 'a'"},
      {"count >= 1.5", "column 10: expected a whole number up to 1e+06; got 1.5"},
      {"count >= 9999999", "column 10: expected a whole number up to 1e+06; got 1e+07"},
      {"count", "column 6: expected ==, !=, <, <=, > or >=; got the end"},
      {"age > 5", "column 8: expected a unit: ms, s, m or h; got the end"},
      {"age > 5sec", "column 8: expected a unit: ms, s, m or h; got sec; did you mean 's'?"},
      {"age > 5mss", "column 8: expected a unit: ms, s, m or h; got mss; did you mean 'ms'?"},
      {"age > 99999h", "column 7: expected at most 720h"},
      {"stationary for",
       "column 15: expected a duration such as 500ms, 0.5s, 2m or 1h; got the end"},
      {"stationary for 2s and count > 1", "column 19: expected and, or, for or the end; got and"},
      {"dwell > 2s", "column 1: dwell is the time in a zone; expected zone == 'NAME' beside it"},
      {"zone != 'a' and dwell > 2s",
       "column 17: dwell is the time in a zone; expected zone == 'NAME' beside it"},
      {"crossed == 'a' for 1s",
       "column 20: crossed is true in one frame only; expected no 'for' with it"},
      {"crossed != 'a'", "column 9: expected == or in; got !="},
      {"class == 'J\xC3\xB6rg' und stationary",
       "column 17: expected and, or, for or the end; got und"},
      {"class == '\xFF'", "column 11: a name that is not UTF-8"},
      {"class == 'a' \xC3\xB6", "column 14: nothing begins with \xC3\xB6"},
      {"count > 1 # many", "column 11: nothing begins with #"},
  };
  for (const auto& [text, expected] : table) {
    const auto rule = AlarmRule::parse(text);
    ASSERT_FALSE(rule) << text;
    EXPECT_EQ(rule.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(rule.error().message, "alarm condition, " + expected) << text;
  }
}

TEST(AlarmRuleTest, DepthAndLengthAreBounded) {
  const std::string deep = std::string(2000, '(') + "stationary" + std::string(2000, ')');
  EXPECT_FALSE(AlarmRule::parse(deep));
  std::string nots;
  for (int i = 0; i < 1000; ++i) nots += "not ";
  EXPECT_FALSE(AlarmRule::parse(nots + "stationary"));
  EXPECT_TRUE(AlarmRule::parse(std::string(40, '(') + "stationary" + std::string(40, ')')));
  EXPECT_FALSE(AlarmRule::parse("class == '" + std::string(5000, 'a') + "'"));
}

}  // namespace
}  // namespace shoal
