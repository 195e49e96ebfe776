// Goal: every mistake in cameras, alarms, sinks and the site is named, with where it is. Method:
// tables of wrong entries with their whole message.
#include "pipeline/site_config.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "pipeline/config.h"
#include "pipeline/site_config_fields.h"

namespace shoal {
namespace {

using std::chrono::milliseconds;

const std::string kCamera = "[[camera]]\nname = \"a\"\nurl = \"synthetic:pcb\"\n";

Result<Config> parse(const std::string& text) { return parse_config(text, "test"); }

struct Wrong {
  std::string text;
  std::string message;  // all of it behind the prefix
};

void expect_messages(const std::string& before, const std::string& prefix,
                     const std::vector<Wrong>& table) {
  for (const Wrong& row : table) {
    const auto config = parse(before + row.text);
    ASSERT_FALSE(config) << row.text;
    EXPECT_EQ(config.error().message, prefix + row.message) << row.text;
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument) << row.text;
  }
}

TEST(SiteConfigTest, ReadsEveryKeyOfACamera) {
  const auto config = parse(R"([model.small]
[[camera]]
name = "line-1"
url = "rtsp://admin:geheim@10.0.0.5:554/1"
transport = "udp"
model = "small"
priority = "high"
fps_max = 7.5
age_max_ms = 300
align_ms = 20
connect_timeout_ms = 1000
read_timeout_ms = 2000
retry_min_ms = 100
retry_max_ms = 5000
conf = 0.3
classes = ["open", "short"]
region = [[0, 0], [1, 0], [1, 1]]
masks = [[[0, 0], [0.5, 0], [0.5, 0.5]]]
motion_gate = { enabled = true, threshold = 0.02, refresh_s = 1.5 }
track = true
zones = [{ name = "Förderband 1", polygon = [[0.1,0.2],[0.9,0.2],[0.9,0.8]], dwell_s = 2.5 }]
lines = [{ name = "gate", from = [0.1,0.5], to = [0.9,0.5], classes = ["open"] }]
paused = true
)");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->site.cameras.size(), 1U);
  CameraConfig expected;
  expected.name = "line-1";
  expected.url = "rtsp://admin:geheim@10.0.0.5:554/1";
  expected.transport = "udp";
  expected.model = "small";
  expected.priority = Priority::kHigh;
  expected.fps_max = 7.5;
  expected.age_max = milliseconds(300);
  expected.align = milliseconds(20);
  expected.connect_timeout = milliseconds(1000);
  expected.read_timeout = milliseconds(2000);
  expected.retry_min = milliseconds(100);
  expected.retry_max = milliseconds(5000);
  expected.confidence = 0.3F;
  expected.classes = {"open", "short"};
  expected.region = {{0, 0}, {1, 0}, {1, 1}};
  expected.masks = {{{0, 0}, {0.5, 0}, {0.5, 0.5}}};
  expected.motion_gate = {.enabled = true, .threshold = 0.02, .refresh = milliseconds(1500)};
  expected.zones = {{.name = "Förderband 1",
                     .polygon = {{0.1, 0.2}, {0.9, 0.2}, {0.9, 0.8}},
                     .classes = {},
                     .dwell = milliseconds(2500)}};
  expected.lines = {{.name = "gate", .from = {0.1, 0.5}, .to = {0.9, 0.5}, .classes = {"open"}}};
  expected.paused = true;
  EXPECT_EQ(config->site.cameras[0], expected);
}

TEST(SiteConfigTest, ReadsAlarmsSinksAndTheSite) {
  const auto config = parse(kCamera + R"([[alarm]]
when = "count >= 2"
cameras = ["a"]
cooldown_s = 0.5
clip_s = { before = 3, after = 2.5 }
[[sink]]
type = "jsonl"
path = "out/a.jsonl"
[[sink]]
path = "out/b.jsonl"
type = "jsonl"
queue = 8
[[sink]]
type = "video"
path = "out/video"
segment_s = 30
keep_h = 24
keep = "2GiB"
[[sink]]
type = "mqtt"
name = "broker"
url = "mqtts://broker.example:8883"
form = "frigate"
topic = "cameras/frigate"
user = "shoal"
password_file = "p"
ca_file = "ca.pem"
timeout_ms = 100
alarms_only = true
[site]
state_file = "out/state.json"
recordings = "out/r"
recordings_max = 2097152
spool = "out/s"
spool_max = "1.5GiB"
)");
  ASSERT_TRUE(config) << config.error().message;
  const SiteConfig& site = config->site;
  EXPECT_EQ(site.alarms.at(0).clip_before, milliseconds(3000));
  EXPECT_EQ(site.alarms.at(0).clip_after, milliseconds(2500));
  EXPECT_EQ(site.alarms.at(0).cooldown, milliseconds(500));
  EXPECT_EQ(site.sinks.at(0).name, "jsonl-1");
  EXPECT_EQ(site.sinks.at(1).name, "jsonl-2");
  EXPECT_EQ(site.sinks.at(1).queue, 8);
  EXPECT_EQ(site.sinks.at(2).name, "video");
  EXPECT_EQ(site.sinks.at(2).segment, std::chrono::seconds(30));
  EXPECT_EQ(site.sinks.at(2).keep, std::chrono::hours(24));
  EXPECT_EQ(site.sinks.at(2).keep_bytes, std::int64_t{2} << 30);
  EXPECT_EQ(site.sinks.at(3).form, "frigate");
  EXPECT_EQ(site.sinks.at(3).ca_file, "ca.pem");
  EXPECT_TRUE(site.sinks.at(3).alarms_only);
  EXPECT_EQ(site.state_file, "out/state.json");
  EXPECT_EQ(site.recordings_bytes, 2'097'152);
  EXPECT_EQ(site.spool_bytes, std::int64_t{3} << 29);
}

// For every key: what is expected, and values that are not.
struct WrongValues {
  std::string key;
  std::string expected;
  std::vector<std::pair<std::string, std::string>> values;  // as written, as shown
};

void expect_wrong_values(const std::string& before, const std::string& prefix,
                         const std::vector<WrongValues>& table) {
  for (const WrongValues& row : table) {
    for (const auto& [value, shown] : row.values) {
      const auto config = parse(before + row.key + " = " + value + "\n");
      ASSERT_FALSE(config) << row.key << " = " << value;
      EXPECT_EQ(config.error().message, "test: " + prefix + row.key + ": expected " +
                                            row.expected + ", got " + shown);
    }
  }
}

const std::vector<std::pair<std::string, std::string>> kNoText{
    {"5", "5"}, {"true", "true"}, {"0.5", "0.5"}, {"[]", "[]"}, {"{}", "{}"},
    {"2026-01-01", "\"2026-01-01\""}};
const std::vector<std::pair<std::string, std::string>> kNoFlag{
    {"1", "1"}, {"\"true\"", "\"true\""}, {"0.0", "0.0"}, {"[true]", "[true]"}};

std::vector<std::pair<std::string, std::string>> no_number(
    std::vector<std::pair<std::string, std::string>> also) {
  for (const auto& value : {std::pair{"nan", "nan"}, {"inf", "inf"}, {"-inf", "-inf"},
                            {"true", "true"}, {"\"5\"", "\"5\""}, {"[5]", "[5]"},
                            {"-1", "-1"}, {"1e300", "1e+300"},
                            {"9223372036854775807", "9223372036854775807"}}) {
    also.emplace_back(value);
  }
  return also;
}

TEST(SiteConfigTest, EveryValueOfACameraThatIsWrongIsNamed) {
  const std::string point = "a point such as [0.1, 0.9], in shares of the picture from 0 to 1";
  const std::string polygon = "3 to 256 points such as [[0.1, 0.2], [0.9, 0.2], [0.9, 0.8]]";
  const std::string hour = "a number from 1 to 3600000";
  const std::string zone = "{ name = \"belt\", polygon = [[0.1, 0.2], ...] }";
  const std::string line = "{ name = \"gate\", from = [0.1, 0.5], to = [0.9, 0.5] }";
  const std::string gate = "{ enabled = true, threshold = 0.01, refresh_s = 2 }";
  expect_wrong_values(kCamera, "camera 'a': ", {
      {"transport", "\"tcp\" or \"udp\"", {{"5", "5"}, {"\"\"", "\"\""}, {"\"quic\"", "\"quic\""}}},
      {"model", "a text in quotes", kNoText},
      {"priority", "\"realtime\", \"high\", \"normal\" or \"low\"",
       {{"1", "1"}, {"\"urgent\"", "\"urgent\""}, {"\"High\"", "\"High\"; did you mean 'high'?"}}},
      {"fps_max", "a number from 0 to 1000", no_number({{"1000.1", "1000.1"}})},
      {"age_max_ms", hour, no_number({{"0", "0"}, {"3600001", "3600001"}})},
      {"align_ms", "a number from 0 to 10000", no_number({{"10001", "10001"}})},
      {"side_max", "a whole number from 0 to 16384",
       {{"-1", "-1"}, {"16385", "16385"}, {"1920.0", "1920.0"}, {"\"4K\"", "\"4K\""}}},
      {"loop", "true or false", kNoFlag},
      {"live", "true or false", kNoFlag},
      {"connect_timeout_ms", hour, no_number({{"0", "0"}})},
      {"read_timeout_ms", hour, no_number({{"0", "0"}})},
      {"retry_min_ms", hour, no_number({{"0", "0"}})},
      {"retry_max_ms", hour, no_number({{"0", "0"}})},
      {"conf", "a number from 0 to 1", no_number({{"1.01", "1.01"}})},
      {"classes", "a list of class names", {{"\"a\"", "\"a\""}, {"1", "1"}, {"{}", "{}"}}},
      {"classes", "a text in quotes", {{"[1]", "1"}, {"[\"a\", true]", "true"}}},
      {"region", polygon, {{"5", "5"}, {"[[0, 0], [1, 1]]", "[[0, 0], [1, 1]]"}}},
      {"region", point, {{"[1, 2, 3]", "1"}, {"[[0, 0], [1, 0], [1, 1.5]]", "[1, 1.5]"},
                         {"[[0, 0], [1, 0], [-0.1, 1]]", "[-0.1, 1]"},
                         {"[[0, 0], [1, 0], [nan, 1]]", "[nan, 1]"},
                         {"[[0, 0], [1, 0], [1, 1, 1]]", "[1, 1, 1]"},
                         {"[[0, 0], [1, 0], [\"1\", true]]", "[\"1\", true]"}}},
      {"region", "points that are not all on one line",
       {{"[[0, 0], [0.5, 0.5], [1, 1]]", "[[0, 0], [0.5, 0.5], [1, 1]]"},
        {"[[0, 0], [0, 0], [0, 0]]", "[[0, 0], [0, 0], [0, 0]]"}}},
      {"masks", "a list of polygons", {{"5", "5"}, {"{}", "{}"}}},
      {"motion_gate", gate, {{"true", "true"}, {"0.01", "0.01"}, {"[]", "[]"}}},
      {"track", "true or false", kNoFlag},
      {"zones", "a list such as [" + zone + "]", {{"{}", "{}"}, {"\"belt\"", "\"belt\""}}},
      {"zones", zone, {{"[\"belt\"]", "\"belt\""}, {"[[1]]", "[1]"}}},
      {"lines", "a list such as [" + line + "]", {{"{}", "{}"}, {"1", "1"}}},
      {"lines", line, {{"[1]", "1"}}},
      {"paused", "true or false", kNoFlag},
  });
}

TEST(SiteConfigTest, EveryMistakeInsideACameraSaysWhere) {
  const std::string triangle = "polygon = [[0, 0], [1, 0], [1, 1]]";
  const std::string point = "a point such as [0.1, 0.9], in shares of the picture from 0 to 1";
  expect_messages(kCamera, "test: camera 'a': ", {
      {"fps = 5", "unknown key 'fps'"},
      {"fpsmax = 5", "unknown key 'fpsmax'; did you mean 'fps_max'?"},
      {"\"\" = 5", "unknown key ''"},
      {"masks = [[[0, 0], [1, 0], [1, 1]], []]",
       "masks: number 2: expected 3 to 256 points such as [[0.1, 0.2], [0.9, 0.2], [0.9, 0.8]], "
       "got []"},
      {"motion_gate = { on = true }", "motion_gate: unknown key 'on'"},
      {"motion_gate = { enabled = 1 }", "motion_gate: enabled: expected true or false, got 1"},
      {"motion_gate = { threshold = 2 }",
       "motion_gate: threshold: expected a number from 0 to 1, got 2"},
      {"motion_gate = { refresh_s = 0 }",
       "motion_gate: refresh_s: expected a number from 0.01 to 86400, got 0"},
      {"zones = [{ " + triangle + " }]", "zones: number 1: name is missing"},
      {"zones = [{ name = \"x\" }]", "zones: 'x': polygon is missing"},
      {"zones = [{ name = 5 }]", "zones: number 1: name: expected a text in quotes, got 5"},
      {"zones = [{ name = \"x\", ploygon = [] }]",
       "zones: 'x': unknown key 'ploygon'; did you mean 'polygon'?"},
      {"zones = [{ name = \"x\", polygon = [[0, 0], [1, 0], [1, 2]] }]",
       "zones: 'x': polygon: expected " + point + ", got [1, 2]"},
      {"zones = [{ name = \"x\", " + triangle + ", dwell_s = -1 }]",
       "zones: 'x': dwell_s: expected a number from 0 to 86400, got -1"},
      {"zones = [{ name = \"x\", " + triangle + ", classes = [\"\"] }]",
       "zones: 'x': classes: expected a class's name, got \"\""},
      {"zones = [{ name = \"x\", " + triangle + " }, { name = \"x\", " + triangle + " }]",
       "zones: 'x': two have this name"},
      {"zones = [{ name = \"it's\", " + triangle + " }]",
       "zones: 'it's': name: expected letters, digits, '_', '-', '.' and blanks between them, at "
       "most 64 bytes, got \"it's\""},
      {"lines = [{ name = \"g\" }]", "lines: 'g': from and to are one point"},
      {"lines = [{ name = \"g\", from = [0, 0], to = [2, 0] }]",
       "lines: 'g': to: expected " + point + ", got [2, 0]"},
      {"lines = [{ name = \"g\", from = 0.5, to = [1, 0] }]",
       "lines: 'g': from: expected " + point + ", got 0.5"},
      {"lines = [{ name = \"g\", to = [1, 0] }, { name = \"g\", to = [1, 1] }]",
       "lines: 'g': two have this name"},
      {"classes = [\"open\", \"open\"]", "classes: 'open' stands there twice"},
      {"retry_min_ms = 60000", "retry_min_ms: expected at most retry_max_ms, 30000, got 60000"},
      {"transport = \"udp\"", "transport: only rtsp:// has one"},
      {"track = false\nzones = [{ name = \"x\", " + triangle + " }]",
       "track: zones and lines need it"},
      {"model = \"small\"", "model: there is no [model.small]"},
      {"model = \"smal\"\n[model.small]",
       "model: there is no [model.smal]; did you mean 'small'?"},
      {kCamera, "two have this name"},
  });
}

TEST(SiteConfigTest, AtMost64ZonesFitIntoTracks) {
  const auto zones = [](int count) {
    std::string text = "zones = [";
    for (int i = 0; i < count; ++i) {
      text += "{ name = \"z" + std::to_string(i) + "\", polygon = [[0,0],[1,0],[1,1]] },";
    }
    return text + "]\n";
  };
  EXPECT_TRUE(parse(kCamera + zones(64)));
  const auto config = parse(kCamera + zones(65));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message, "test: camera 'a': zones: expected at most 64, got 65");
}

std::string camera(const std::string& name, const std::string& url) {
  return "[[camera]]\nname = \"" + name + "\"\nurl = \"" + url + "\"\n";
}

TEST(SiteConfigTest, NamesOfCamerasCanStandInUrlsAndFileNames) {
  for (const auto& name : std::vector<std::string>{"a", "line-1", "Halle_2.west", "0",
                                                   std::string(64, 'x')}) {
    EXPECT_TRUE(parse(camera(name, "x.mp4"))) << name;
  }
  for (const auto& name : std::vector<std::string>{"..", ".a", "a/b", "a b", "a'b", "Tür",
                                                   "a\\nb", "%41", std::string(65, 'x')}) {
    const auto config = parse(camera(name, "x.mp4"));
    ASSERT_FALSE(config) << name;
    EXPECT_NE(config.error().message.find("name: expected letters, digits, '_', '-' and '.' (not "
                                          "in front), at most 64, got"), std::string::npos)
        << config.error().message;
  }
  expect_messages("", "test: ", {
      {"[[camera]]\nurl = \"x.mp4\"", "camera 1: name is missing"},
      {camera("a", "x.mp4") + "[[camera]]\nurl = \"x.mp4\"", "camera 2: name is missing"},
      {"[[camera]]\nname = 5", "camera 1: name: expected a text in quotes, got 5"},
      {"[[camera]]\nname = \"a\"", "camera 'a': url is missing"},
      {"[camera]\nname = \"a\"", "[camera] stands once; write [[camera]]"},
      {"camera = [1]", "[camera] stands once; write [[camera]]"},
      {"sink = 5", "[sink] stands once; write [[sink]]"},
  });
}

}  // namespace
}  // namespace shoal
