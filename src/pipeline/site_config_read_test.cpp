// Goal: a camera is the same in TOML, in JSON and in what is printed, and bodies of doors get the
// file's messages. Method: round trips of generated cameras, a table of wrong bodies.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "pipeline/config.h"
#include "pipeline/site_config_fields.h"
#include "pipeline/site_config_read.h"

namespace shoal {
namespace {

CameraConfig line_camera() {
  CameraConfig camera;
  camera.name = "line-1";
  camera.url = "rtsp://admin:geheim@10.0.0.5/1";
  return camera;
}

// Any camera that passes check_camera.
CameraConfig any_camera(std::mt19937& random) {
  const auto below = [&](int limit) { return static_cast<int>(random() % unsigned(limit)); };
  // Nine decimals: more are not kept.
  const auto share = [&] { return double(random() % 1'000'000'001U) / 1e9; };
  const auto polygon = [&] {
    std::vector<RelativePoint> points{{0, 0}, {1, share()}, {share(), 1}};
    for (int i = below(4); i > 0; --i) points.push_back({share(), share()});
    return points;
  };
  CameraConfig camera = line_camera();
  camera.name = "c" + std::to_string(random());
  camera.url = "clip \"" + std::to_string(below(9)) + "\\ä.mp4";
  camera.priority = static_cast<Priority>(below(4));
  camera.fps_max = below(1'000'000) / 1e3;
  camera.age_max = std::chrono::milliseconds(1 + below(3'600'000));
  camera.align = std::chrono::milliseconds(below(10'000));
  camera.loop = below(2) == 0;
  camera.live = below(2) == 0;
  camera.side_max = below(5000);
  camera.connect_timeout = std::chrono::milliseconds(1 + below(100'000));
  camera.read_timeout = std::chrono::milliseconds(1 + below(100'000));
  camera.retry_min = std::chrono::milliseconds(1 + below(1'000));
  camera.retry_max = std::chrono::milliseconds(1'000 + below(100'000));
  if (below(2) == 0) camera.confidence = static_cast<float>(share());
  if (below(2) == 0) camera.classes = {"a'b", "ö \"x\"\n"};
  if (below(2) == 0) camera.region = polygon();
  for (int i = below(3); i > 0; --i) camera.masks.push_back(polygon());
  camera.motion_gate = {.enabled = below(2) == 0,
                        .threshold = share(),
                        .refresh = std::chrono::milliseconds(10 + below(100'000))};
  for (int i = below(3); i > 0; --i) {
    camera.zones.push_back({.name = "z " + std::to_string(i),
                            .polygon = polygon(),
                            .classes = {"short"},
                            .dwell = std::chrono::milliseconds(below(100'000))});
    camera.lines.push_back({.name = "l" + std::to_string(i),
                            .from = {share(), 0},
                            .to = {share(), 1},
                            .classes = {}});
  }
  camera.paused = below(2) == 0;
  return camera;
}

TEST(SiteJsonTest, EveryCameraComesBackFromJsonAndFromToml) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const CameraConfig camera = any_camera(random);
    const std::string json = camera_to_json(camera, Passwords::kShown);
    const auto from_json = camera_from_json(json, CameraConfig{});
    ASSERT_TRUE(from_json) << seed << ": " << from_json.error().message << "\n" << json;
    EXPECT_TRUE(*from_json == camera) << seed << "\n" << json;
    const std::string toml = camera_to_toml(camera, Passwords::kShown);
    const auto from_toml = parse_config(toml, "test");
    ASSERT_TRUE(from_toml) << seed << ": " << from_toml.error().message << "\n" << toml;
    EXPECT_TRUE(from_toml->site.cameras.at(0) == camera) << seed << "\n" << toml;
  }
}

TEST(SiteJsonTest, HoldsEveryKeyInTheOrderOfTheFile) {
  const std::string json = camera_to_json(line_camera(), Passwords::kHidden);
  std::size_t at = 0;
  for (const ConfigField<CameraConfig>& field : camera_fields()) {
    const std::size_t found = json.find("\"" + std::string(field.key) + "\":");
    ASSERT_NE(found, std::string::npos) << field.key;
    EXPECT_GE(found, at) << field.key;
    at = found;
  }
  EXPECT_TRUE(json.starts_with(R"({"name":"line-1","url":"rtsp://admin:***@10.0.0.5/1",)"
                               R"("transport":"tcp","model":"","priority":"normal","fps_max":0,)"))
      << json;
  EXPECT_NE(json.find("\"conf\":null"), std::string::npos);
  EXPECT_EQ(camera_to_toml(line_camera(), Passwords::kHidden),
            "[[camera]]\nname = \"line-1\"\nurl = \"rtsp://admin:***@10.0.0.5/1\"\n");
}

TEST(SiteJsonTest, GivenKeysAreChangedAndNullIsTheDefault) {
  CameraConfig base = line_camera();
  base.fps_max = 5;
  base.confidence = 0.5F;
  base.zones = {{.name = "z", .polygon = {{0, 0}, {1, 0}, {1, 1}}, .classes = {}}};
  const auto changed = camera_from_json(
      R"({"priority":"low","fps_max":null,"conf":null,"motion_gate":{"enabled":true}})", base);
  ASSERT_TRUE(changed) << changed.error().message;
  CameraConfig expected = base;
  expected.priority = Priority::kLow;
  expected.fps_max = 0;
  expected.confidence.reset();
  expected.motion_gate.enabled = true;
  EXPECT_EQ(*changed, expected);
  EXPECT_EQ(*camera_from_json("{}", base), base);
  EXPECT_EQ(camera_from_json(R"({"fps_max":10.0,"age_max_ms":5e2})", base)->age_max,
            std::chrono::milliseconds(500));
}

TEST(SiteJsonTest, AHiddenPasswordThatComesBackIsTheOneThatIsKnown) {
  const CameraConfig base = line_camera();
  const std::string hidden = camera_to_json(base, Passwords::kHidden);
  EXPECT_EQ(camera_from_json(hidden, CameraConfig{}, base.url)->url, base.url);
  EXPECT_EQ(camera_from_json(hidden, CameraConfig{})->url, "rtsp://admin:***@10.0.0.5/1");
  EXPECT_EQ(camera_from_json(R"({"url":"rtsp://admin:***@10.0.0.6/1"})", base, base.url)->url,
            "rtsp://admin:***@10.0.0.6/1");
  // Another path of the same server keeps the password.
  EXPECT_EQ(camera_from_json(R"({"url":"rtsp://admin:***@10.0.0.5/2"})", base, base.url)->url,
            base.url.substr(0, base.url.size() - 1) + "2");
  const std::string query = "http://10.0.0.5/s.cgi?usr=u&pwd=geheim";
  EXPECT_EQ(camera_from_json(R"({"url":"http://10.0.0.5/s.cgi?usr=u&pwd=***"})", base, query)->url,
            query);
}

TEST(SiteJsonTest, EveryWrongBodyIsNamed) {
  struct Row {
    std::string body;
    ErrorCode code;
    std::string message;
  };
  const auto wrong = ErrorCode::kInvalidArgument;
  const std::string object = "expected a JSON object with the keys of [[camera]], such as "
                             "{\"name\":\"line-1\",\"url\":\"rtsp://10.0.0.5/1\"}";
  const std::vector<Row> table{
      {"[]", wrong, object},
      {"null", wrong, object},
      {"5", wrong, object},
      {R"({"fps_max":-1})", wrong,
       "camera 'line-1': fps_max: expected a number from 0 to 1000, got -1"},
      {R"({"fps_max":"5"})", wrong,
       "camera 'line-1': fps_max: expected a number from 0 to 1000, got \"5\""},
      {R"({"fps_max":18446744073709551615})", wrong,
       "camera 'line-1': fps_max: expected a number from 0 to 1000, got 1.8446744073709552e+19"},
      {R"({"fsp_max":5})", wrong,
       "camera 'line-1': unknown key 'fsp_max'; did you mean 'fps_max'?"},
      {R"({"fsp_max":null})", wrong,
       "camera 'line-1': unknown key 'fsp_max'; did you mean 'fps_max'?"},
      {R"({"name":null})", wrong, "camera: name is missing"},
      {R"({"name":"a/b"})", wrong,
       "camera 'a/b': name: expected letters, digits, '_', '-' and '.' (not in front), at most "
       "64, got \"a/b\""},
      {R"({"url":null})", wrong, "camera 'line-1': url is missing"},
      {R"({"classes":["a",null]})", wrong,
       "camera 'line-1': classes: expected a value in the list, got null"},
      {R"({"zones":[{"name":"z","polygon":[[0,0],[1,0],[1,1.5]]}]})", wrong,
       "camera 'line-1': zones: 'z': polygon: expected a point such as [0.1, 0.9], in shares of "
       "the picture from 0 to 1, got [1, 1.5]"},
      {R"({"zones":[{"name":"z","polygon":null}]})", wrong,
       "camera 'line-1': zones: 'z': polygon is missing"},
      {R"({"paused":1})", wrong, "camera 'line-1': paused: expected true or false, got 1"},
  };
  for (const Row& row : table) {
    const auto camera = camera_from_json(row.body, line_camera());
    ASSERT_FALSE(camera) << row.body;
    EXPECT_EQ(camera.error().message, row.message) << row.body;
    EXPECT_EQ(camera.error().code, row.code) << row.body;
  }
  const std::string deep(1000, '[');
  for (const std::string& body : {std::string(), std::string("{"), std::string("{\"a\":1}}"),
                                 std::string("{\"name\":\"\xff\"}"), "{\"masks\":" + deep}) {
    const auto camera = camera_from_json(body, line_camera());
    ASSERT_FALSE(camera) << body;
    EXPECT_EQ(camera.error().code, ErrorCode::kCorruptInput) << body;
    EXPECT_TRUE(camera.error().message.starts_with("camera 'line-1': not JSON: ") ||
                camera.error().message.starts_with("not JSON: ")) << camera.error().message;
  }
}

}  // namespace
}  // namespace shoal
