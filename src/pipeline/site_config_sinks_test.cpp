// Goal: URLs, alarms, sinks and folders that cannot work are named before anything is opened.
// Method: tables of wrong entries with their whole message.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/config.h"
#include "pipeline/site_config_check.h"
#include "pipeline/site_config_fields.h"

namespace shoal {
namespace {

const std::string kCamera =
    "[[camera]]\nname = \"a\"\nurl = \"synthetic:pcb\"\n"
    "zones = [{ name = \"belt\", polygon = [[0, 0], [1, 0], [1, 1]] }]\n"
    "lines = [{ name = \"gate\", from = [0, 0.5], to = [1, 0.5] }]\n"
    "[[camera]]\nname = \"b\"\nurl = \"clip.mp4\"\n";

struct Wrong {
  std::string text;
  std::string message;
};

std::string message_of(const std::string& text) {
  const auto config = parse_config(text, "test");
  return config ? "" : config.error().message;
}

void expect_messages(const std::string& before, const std::string& prefix,
                     const std::vector<Wrong>& table) {
  for (const Wrong& row : table) {
    EXPECT_EQ(message_of(before + row.text), prefix + row.message) << row.text;
  }
}

TEST(SiteUrlTest, WhatACameraCanBeIsTaken) {
  for (const std::string url :
       {"rtsp://10.0.0.5/1", "rtsp://admin:p%40ss@host.example:8554/a?b=c", "rtsps://[::1]:322/x",
        "rtsp://u:pa#ss@h:554/1", "rtsp://u:a/b c@h/1", "http://h/stream.mjpg", "https://h:8443/",
        "rtmp://h/live", "udp://239.0.0.1:5000",
        "tcp://h:9000", "file:clip one.mp4", "file:/srv/a.mp4", "/dev/video0", "clips/a:b.mp4",
        "clip one.mp4", "synthetic:pcb", "synthetic:pcb?size=1280x720&fps=25&seed=1",
        "synthetic:pcb?"}) {
    CameraConfig camera;
    camera.name = "a";
    camera.url = url;
    const auto checked = check_camera(camera);
    EXPECT_TRUE(checked) << url << ": " << checked.error().message;
  }
}

TEST(SiteUrlTest, EveryWrongUrlOfACameraIsNamedWithoutItsPassword) {
  const std::string schemes = "a URL that begins with rtsp://, rtsps://, rtmp://, http://, "
                              "https://, tcp:// or udp://";
  const std::vector<Wrong> table{
      {"rstp://10.0.0.5/1", "expected " + schemes + ", or file: or synthetic:, got "
                            "\"rstp://10.0.0.5/1\"; did you mean 'rtsp'?"},
      {"onvif://h", "expected " + schemes + ", or file: or synthetic:, got \"onvif://h\""},
      {"rtsp:/h", "expected " + schemes + ", got \"rtsp:/h\"; did you mean 'rtsp'?"},
      {"rtsp://", "expected a host after rtsp://, got \"rtsp://\""},
      {"rtsp://u:p@/1", "expected a host after rtsp://, got \"rtsp://u:***@/1\""},
      {"rtsp://[::1/1", "expected a host after rtsp://, got \"rtsp://[::1/1\""},
      {"rtsp://h:0/1", "expected a port from 1 to 65535 after the host, got \"rtsp://h:0/1\""},
      {"rtsp://u:p@h:65536",
       "expected a port from 1 to 65535 after the host, got \"rtsp://u:***@h:65536\""},
      {"rtsp://h:/1", "expected a port from 1 to 65535 after the host, got \"rtsp://h:/1\""},
      {"http://h:80a/", "expected a port from 1 to 65535 after the host, got \"http://h:80a/\""},
      {"rtsp://u:p@h/a b", "expected a URL without blanks (%20) and control characters, got "
                           "\"rtsp://u:***@h/a b\""},
      {"rtsp://u:a/b@c@10.0.0.5/x@y",
       "expected a password whose @ is written as %40, / as %2F, ? as %3F and # as %23, because it "
       "is not clear where this one ends, got \"rtsp://u:***@y\""},
      {"rtsp://u:pa#ss@h:99999/1",
       "expected a port from 1 to 65535 after the host, got \"rtsp://u:***@h:99999/1\""},
      {"clip\\n.mp4", "expected a URL or path without control characters, got \"clip\n.mp4\""},
      {"file:", "expected a path after file:, got \"file:\""},
      {"synthetic:cat", "synthetic:cat: unknown scene 'cat'; expected pcb"},
      {"synthetic:pcb?fsp=5", "synthetic:pcb?fsp=5: unknown key 'fsp'; expected size, fps, seed, "
                              "frames, defects or pace; did you mean 'fps'?"},
      {"synthetic:pcb?size=9x9", "synthetic:pcb?size=9x9: size: expected WIDTHxHEIGHT, each 16 to "
                                 "16384, such as 1280x720; got '9x9'"},
  };
  for (const Wrong& row : table) {
    EXPECT_EQ(message_of("[[camera]]\nname = \"a\"\nurl = \"" + row.text + "\"\n"),
              "test: camera 'a': url: " + row.message);
  }
}

TEST(SiteUrlTest, KeysThatWouldDoNothingWithAUrlAreErrors) {
  expect_messages("[[camera]]\nname = \"a\"\nurl = \"rtsp://h/1\"\n", "test: camera 'a': ", {
      {"loop = true", "loop: only files have a start to go back to"},
      {"live = false", "live: only files can be read faster than they play"},
  });
  EXPECT_EQ(message_of("[[camera]]\nname = \"a\"\nurl = \"/dev/video0\"\nloop = true"),
            "test: camera 'a': loop: only files have a start to go back to");
  EXPECT_EQ(message_of("[[camera]]\nname = \"a\"\nurl = \"a.mp4\"\nloop = true\nlive = false"), "");
}

TEST(SiteAlarmsTest, EveryMistakeIsNamed) {
  const std::string names = "expected letters, digits, '_', '-', '.' and blanks between them, at "
                            "most 64 bytes, got ";
  expect_messages(kCamera + "[[alarm]]\n", "test: ", {
      {"", "alarm 1: when is missing"},
      {"name = \"x\"", "alarm 'x': when is missing"},
      {"when = 5", "alarm 1: when: expected a text in quotes, got 5"},
      {"name = \" x\"\nwhen = \"count > 1\"", "alarm ' x': name: " + names + "\" x\""},
      {"wen = \"count > 1\"", "alarm 1: unknown key 'wen'; did you mean 'when'?"},
      {"when = \"count > 1\"\ncooldown_s = -1",
       "alarm 1: cooldown_s: expected a number from 0 to 86400, got -1"},
      {"when = \"count > 1\"\nclip_s = 3",
       "alarm 1: clip_s: expected { before = 3, after = 3 }, got 3"},
      {"when = \"count > 1\"\nclip_s = { before = 61 }",
       "alarm 1: clip_s: before: expected a number from 0 to 60, got 61"},
      {"when = \"count > 1\"\nclip_s = { after = 601 }",
       "alarm 1: clip_s: after: expected a number from 0 to 600, got 601"},
      {"when = \"count > 1\"\nclip_s = { later = 1 }",
       "alarm 1: clip_s: unknown key 'later'; did you mean 'after'?"},
      {"when = \"count > 1\"\ncameras = \"a\"",
       "alarm 1: cameras: expected a list of cameras' names, got \"a\""},
      {"when = \"count > 1\"\ncameras = [\"c\"]",
       "alarm 1: cameras: there is no camera 'c'; did you mean 'a'?"},
      {"when = \"zone == 'belt' and camera == 'c'\"",
       "alarm 1: when: there is no camera 'c'; did you mean 'a'?"},
      {"when = \"zone == 'belt '\"",
       "alarm 1: when: there is no zone 'belt '; did you mean 'belt'?"},
      {"when = \"crossed == 'gat'\"",
       "alarm 1: when: there is no line 'gat'; did you mean 'gate'?"},
      {"when = \"crossed in ['gate', 'g2']\"",
       "alarm 1: when: there is no line 'g2'"},
      {"when = \"zone == 'belt'\"\ncameras = [\"b\"]", "alarm 1: when: there is no zone 'belt'"},
      {"name = \"x\"\nwhen = \"count > 1\"\n[[alarm]]\nname = \"x\"\nwhen = \"count > 1\"",
       "alarm 'x': two have this name"},
  });
}

TEST(SiteAlarmsTest, WhatOneOfTheCamerasHasMayBeNamed) {
  for (const std::string when : {"zone == 'belt' and count >= 2 for 0.5s",
                                 "crossed == 'gate' forward and not class in ['x']",
                                 "zone == 'belt' and camera != 'a'",
                                 "zone == 'belt' and (stationary or dwell > 2s)"}) {
    EXPECT_EQ(message_of(kCamera + "[[alarm]]\nwhen = \"" + when + "\"\n"), "") << when;
  }
}

TEST(SiteAlarmsTest, AConditionThatCannotBeReadIsNamedWithItsColumn) {
  for (const std::string when : {"count", "count >", "class = 'x'", "zone == 'belt' and", "(",
                                 "count > 1 for", "clas == 'x'", "class == x"}) {
    const std::string message = message_of(kCamera + "[[alarm]]\nwhen = \"" + when + "\"\n");
    EXPECT_TRUE(message.starts_with("test: alarm 1: when: ")) << when << ": " << message;
    EXPECT_NE(message.find("column"), std::string::npos) << when << ": " << message;
  }
}

TEST(SiteAlarmsTest, WithAStateFileNamesAreCheckedOnceItIsRead) {
  EXPECT_EQ(message_of(kCamera + "[[alarm]]\nwhen = \"zone == 'later'\"\n"
                                 "[site]\nstate_file = \"s.json\"\n"), "");
}

TEST(SiteSinksTest, EveryMistakeIsNamed) {
  const std::string types = "\"jsonl\", \"coco\", \"yolo\", \"mot\", \"video\", \"sqlite\", "
                            "\"mqtt\", \"webhook\" or \"nats\"";
  const std::string mqtt = "type = \"mqtt\"\nurl = \"mqtt://h\"\n";
  const std::string video = "type = \"video\"\npath = \"v\"\n";
  const std::string amount = "expected an amount of at least 1 MiB such as \"10GiB\", got ";
  expect_messages(kCamera + "[[sink]]\n", "test: ", {
      {"", "sink 1: type is missing"},
      {"type = 5", "sink 1: type: expected " + types + ", got 5"},
      {"type = \"jsnl\"",
       "sink 1: type: expected " + types + ", got \"jsnl\"; did you mean 'jsonl'?"},
      {"type = \"jsonl\"", "sink 'jsonl': path is missing"},
      {"type = \"jsonl\"\npath = \"\"", "sink 'jsonl': path is missing"},
      {"type = \"nats\"", "sink 'nats': url is missing"},
      {"type = \"jsonl\"\npaht = \"x\"",
       "sink 1: unknown key 'paht'; did you mean 'path'?"},
      {"type = \"jsonl\"\nurl = \"mqtt://h\"",
       "sink 1: url: sinks of type jsonl do not have it; these do: mqtt, webhook, nats"},
      {mqtt + "segment_s = 5", "sink 1: segment_s: sinks of type mqtt do not have it; these do: "
                               "video"},
      {mqtt + "form = \"fregate\"", "sink 1: form: expected \"shoal\" or \"frigate\", got "
                                    "\"fregate\"; did you mean 'frigate'?"},
      {mqtt + "queue = 0", "sink 1: queue: expected a whole number from 1 to 65536, got 0"},
      {mqtt + "queue = 1.0", "sink 1: queue: expected a whole number from 1 to 65536, got 1.0"},
      {mqtt + "timeout_ms = 0", "sink 1: timeout_ms: expected a number from 1 to 3600000, got 0"},
      {mqtt + "alarms_only = 1", "sink 1: alarms_only: expected true or false, got 1"},
      {mqtt + "topic = \"a/#\"", "sink 'mqtt': topic: expected a topic without wildcards (+ # * >) "
                                 "and blanks, got \"a/#\""},
      {mqtt + "password_file = \"p\"",
       "sink 'mqtt': password_file: MQTT has no password without user"},
      {mqtt + "ca_file = \"p\"", "sink 'mqtt': ca_file: mqtt:// is not encrypted"},
      {mqtt + "cameras = [\"x\"]",
       "sink 'mqtt': cameras: there is no camera 'x'; did you mean 'a'?"},
      {mqtt + "name = \"a b\"", "sink 'a b': name: expected letters, digits, '_', '-' and '.' (not "
                                "in front), at most 64, got \"a b\""},
      {mqtt + "name = \"x\"\n[[sink]]\n" + mqtt + "name = \"x\"", "sink 'x': two have this name"},
      {"type = \"mqtt\"\nurl = \"nats://h\"", "sink 'mqtt': url: expected a URL that begins with "
                                              "mqtt:// or mqtts://, got \"nats://h\""},
      {"type = \"mqtt\"\nurl = \"mqtt://u:geheim@h\"", "sink 'mqtt': url: names and passwords do "
                                                       "not stand here: use user and "
                                                       "password_file"},
      {"type = \"webhook\"\nurl = \"https://u:geheim@h\"",
       "sink 'webhook': url: names and passwords do not stand here: use secret_file"},
      {"type = \"webhook\"\nurl = \"mqtt://h\"", "sink 'webhook': url: expected a URL that begins "
                                                 "with http:// or https://, got \"mqtt://h\""},
      {"type = \"webhook\"\nurl = \"http://h\"\nalarms_only = true",
       "sink 1: alarms_only: sinks of type webhook do not have it; these do: mqtt, nats"},
      {video + "segment_s = 0", "sink 1: segment_s: expected a whole number from 1 to 3600, got 0"},
      {video + "keep_h = -1", "sink 1: keep_h: expected a whole number from 0 to 87600, got -1"},
      {video + "keep = \"50%\"", "sink 1: keep: " + amount + "\"50%\""},
      {video + "keep = \"\"", "sink 1: keep: " + amount + "\"\""},
      {video + "keep = \"much\"", "sink 1: keep: " + amount + "\"much\""},
      {video + "keep = 1048575", "sink 1: keep: " + amount + "1048575"},
      {video + "keep = -1", "sink 1: keep: " + amount + "-1"},
      {video + "keep = 1e9", "sink 1: keep: " + amount + "1000000000.0"},
  });
}

TEST(SiteSinksTest, NoTwoWriteToOneFileOrFolder) {
  expect_messages(kCamera, "test: ", {
      {"[[sink]]\ntype = \"jsonl\"\npath = \"out/x\"\n[[sink]]\ntype = \"mot\"\npath = "
       "\"out/./y/../x\"", "sink 'mot': path: \"out/./y/../x\" is sink 'jsonl': path already"},
      {"[[sink]]\ntype = \"video\"\npath = \"out/recordings/\"",
       "sink 'video': path: \"out/recordings/\" is site.recordings already"},
      {"[site]\nspool = \"out/recordings\"",
       "site.spool: \"out/recordings\" is site.recordings already"},
      {"[[sink]]\ntype = \"video\"\npath = \"out/x/../recordings/video\"",
       "sink 'video': path: \"out/x/../recordings/video\" lies in site.recordings; expected a "
       "place of its own"},
      {"[site]\nstate_file = \"out/spool/state.json\"",
       "site.state_file: \"out/spool/state.json\" lies in site.spool; expected a place of its own"},
      {"[site]\nrecordings = \"out/spool/x\"",
       "site.recordings lies in site.spool; expected a place of its own"},
      {"[site]\nstate_file = \"out/spool\"",
       "site.state_file: \"out/spool\" is site.spool already"},
      {"[site]\nrecordings = \"\"", "site.recordings: expected a folder, got \"\""},
      {"[site]\nspool = \"\"", "site.spool: expected a folder, got \"\""},
      {"[site]\nspool = 5", "site.spool: expected a text in quotes, got 5"},
      {"[site]\nspool_max = \"80%\"",
       "site.spool_max: expected an amount of at least 1 MiB such as \"10GiB\", got \"80%\""},
      {"[site]\nrecordings_max = 0",
       "site.recordings_max: expected an amount of at least 1 MiB such as \"10GiB\", got 0"},
      {"[site]\nstate = \"x\"", "unknown key 'site.state'"},
  });
}

TEST(SiteSinksTest, NamesThatAreNotGivenAreUnique) {
  std::vector<SinkConfig> sinks(5);
  for (SinkConfig& sink : sinks) sink.type = "jsonl";
  sinks[1].name = "jsonl-1";
  sinks[4].type = "mot";
  name_sinks(sinks);
  EXPECT_EQ(sinks[0].name, "jsonl-2");
  EXPECT_EQ(sinks[2].name, "jsonl-3");
  EXPECT_EQ(sinks[3].name, "jsonl-4");
  EXPECT_EQ(sinks[4].name, "mot");
}

TEST(SiteSinksTest, EveryTypeHasTheKeysThatItReads) {
  for (const std::string_view type : sink_types()) {
    EXPECT_NE(sink_has_key(type, "path"), sink_has_key(type, "url")) << type;
    for (const std::string_view key : {"type", "name", "cameras", "queue"}) {
      EXPECT_TRUE(sink_has_key(type, key)) << type << " " << key;
    }
  }
}

TEST(SiteOptionTest, OneKeyOfACameraCanBeSetOnTheCommandLine) {
  auto config = parse_config(kCamera + "[[camera]]\nname = \"x.y\"\nurl = \"c.mp4\"\n", "test");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(set_option(*config, "camera.a.fps_max", "5"));
  EXPECT_EQ(config->site.cameras[0].fps_max, 5);
  EXPECT_TRUE(set_option(*config, "camera.x.y.url", "rtsp://h/1"));
  EXPECT_EQ(config->site.cameras[2].url, "rtsp://h/1");
  EXPECT_TRUE(set_option(*config, "site.state_file", "state.json"));
  EXPECT_EQ(config->site.state_file, "state.json");
  const auto message = [&](std::string_view name, std::string_view value) {
    const auto set = set_option(*config, name, value);
    return set ? std::string() : set.error().message;
  };
  EXPECT_EQ(message("camera.c.fps_max", "5"), "there is no camera 'c'; did you mean 'a'?");
  EXPECT_EQ(message("camera.a.fps_max", "-5"),
            "camera 'a': fps_max: expected a number from 0 to 1000, got -5");
  EXPECT_EQ(message("camera.a.fsp_max", "5"),
            "camera 'a': unknown key 'fsp_max'; did you mean 'fps_max'?");
  EXPECT_EQ(message("camera.a.url", "rstp:x").substr(0, 17), "camera 'a': url: ");
  EXPECT_EQ(message("camera.a.name", "c"), "camera: names cannot be changed on the command line");
  EXPECT_EQ(config->site.cameras[0].url, "synthetic:pcb");
}

}  // namespace
}  // namespace shoal
