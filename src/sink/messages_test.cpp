// Goal: messages say what docs/messages.md says, and addresses are read strictly. Method: tables of
// cases; the forms as brokers deliver them are compared in tests/e2e/test_brokers_messages.py.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "core/json_text.h"
#include "sink/alarm_for_test.h"
#include "sink/alarm_message.h"
#include "sink/broker_address.h"
#include "sink/frigate_form.h"
#include "sink/mqtt_sink.h"
#include "sink/nats_sink.h"
#include "sink/webhook_sink.h"

namespace shoal {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

std::string alarm_message(const Alarm& alarm, Picture picture) {
  fmt::memory_buffer out;
  append_alarm_message(out, alarm, picture);
  return std::string(view_of(out));
}

TEST(AlarmMessageTest, IsTheAlarmBehindAVersionWithItsPicture) {
  Alarm alarm = alarm_for_test(3);
  alarm.thumbnail = {'f', 'o', 'o', 'b'};  // RFC 4648, section 10
  const auto with = json::parse(alarm_message(alarm, Picture::kWith)).as_object();
  EXPECT_EQ(with.begin()->key(), "version");
  EXPECT_EQ(with.at("version").as_int64(), 1);
  EXPECT_EQ(with.at("id").as_string(), alarm.id);
  EXPECT_EQ(with.at("thumbnail_jpeg").as_string(), "Zm9vYg==");
  EXPECT_EQ(with.at("clip").as_string(), "/api/v1/alarms/" + alarm.id + "/clip.mp4");
  const auto without = json::parse(alarm_message(alarm, Picture::kWithout)).as_object();
  EXPECT_TRUE(without.at("thumbnail_jpeg").is_null());
  EXPECT_EQ(without.at("thumbnail"), with.at("thumbnail"));
  alarm.thumbnail.clear();
  EXPECT_TRUE(json::parse(alarm_message(alarm, Picture::kWith)).at("thumbnail_jpeg").is_null());
}

// Payloads by topic, in order.
using Said = std::vector<std::pair<std::string, std::string>>;

Said said(const MessageBatch& batch) {
  Said all;
  for (const Message& message : batch.view()) all.emplace_back(message.topic, message.payload);
  return all;
}

class FrigateFormTest : public testing::Test {
 protected:
  FrigateFormTest() { fill_result_for_test(result_, 0); }
  Said tell() {
    batch_.clear();
    form_.add_result(batch_, result_);
    return said(batch_);
  }
  std::map<std::string, std::string> counts() {
    std::map<std::string, std::string> all;
    for (const auto& [topic, payload] : tell()) {
      if (topic == "f/events" || topic == "f/reviews") continue;
      EXPECT_TRUE(all.emplace(topic, payload).second) << topic;
    }
    return all;
  }

  FrigateForm form_{"f", TimePoint{}};
  MessageBatch batch_;
  CameraResult result_;
};

TEST_F(FrigateFormTest, CountsAreToldWhenTheyChange) {
  using Counts = std::map<std::string, std::string>;
  EXPECT_EQ(counts(), (Counts{{"f/line-1/all", "1"},
                              {"f/line-1/all/active", "1"},
                              {"f/line-1/short", "1"},
                              {"f/line-1/short/active", "1"},
                              {"f/belt/all", "1"},
                              {"f/belt/short", "1"},
                              {"f/gate/all", "0"}}));
  EXPECT_EQ(counts(), Counts{});
  result_.tracks[0].stationary = true;
  EXPECT_EQ(counts(), (Counts{{"f/line-1/all/active", "0"}, {"f/line-1/short/active", "0"}}));
  result_.tracks[0].zones = 0b10;
  EXPECT_EQ(counts(), (Counts{{"f/belt/all", "0"}, {"f/belt/short", "0"},
                              {"f/gate/all", "1"}, {"f/gate/short", "1"}}));
  result_.tracks.clear();
  EXPECT_EQ(counts(), (Counts{{"f/line-1/all", "0"}, {"f/line-1/short", "0"},
                              {"f/gate/all", "0"}, {"f/gate/short", "0"}}));
  form_.tell_again();
  EXPECT_EQ(counts().size(), 8U);
}

TEST_F(FrigateFormTest, AZoneCountsOverAllCamerasThatHaveIt) {
  (void)tell();
  CameraIdentity other = *result_.camera;
  other.name = "line-2";
  other.zones = {"belt"};
  result_.camera = std::make_shared<const CameraIdentity>(other);
  const auto all = counts();
  EXPECT_EQ(all.at("f/belt/short"), "2");
  EXPECT_EQ(all.at("f/line-2/short"), "1");
}

TEST_F(FrigateFormTest, NamesCannotLeaveTheirLevelOfATopic) {
  CameraIdentity odd = *result_.camera;
  odd.class_names = {"a", "b/+#"};
  result_.camera = std::make_shared<const CameraIdentity>(odd);
  EXPECT_TRUE(counts().contains("f/line-1/b___"));
}

TEST_F(FrigateFormTest, EventsHaveALifeFromNewToEnd) {
  const Track begin = track_for_test(3);
  Track later = begin;
  later.zones = 0b10;
  later.age = 2500ms;
  later.stationary = true;
  struct {
    TrackEvent event;
    const char* type;
    bool false_before;
    bool ended;
  } const kCases[] = {{{TrackChange::kNew, begin, begin}, "new", true, false},
                      {{TrackChange::kUpdate, begin, later}, "update", false, false},
                      {{TrackChange::kEnd, later, later}, "end", false, true}};
  std::set<std::string> ids;
  for (const auto& row : kCases) {
    result_.track_events = {row.event};
    result_.captured_at = wall_time_for_test() + 3s;
    const auto event = json::parse(tell().front().second).as_object();
    EXPECT_EQ(event.at("type").as_string(), row.type);
    const auto& before = event.at("before").as_object();
    const auto& after = event.at("after").as_object();
    EXPECT_EQ(before.at("false_positive").as_bool(), row.false_before);
    EXPECT_FALSE(after.at("false_positive").as_bool());
    EXPECT_TRUE(before.at("end_time").is_null());
    EXPECT_EQ(after.at("end_time").is_null(), !row.ended);
    if (row.ended) {
      EXPECT_DOUBLE_EQ(after.at("end_time").as_double(), 1795248003.0);
    }
    EXPECT_DOUBLE_EQ(after.at("start_time").as_double(), 1795248000.0);
    ids.insert(std::string(after.at("id").as_string()));
    if (row.type == std::string("update")) {
      EXPECT_DOUBLE_EQ(before.at("frame_time").as_double(), 1795248001.5);
      EXPECT_DOUBLE_EQ(after.at("frame_time").as_double(), 1795248002.5);
      EXPECT_EQ(after.at("current_zones"), json::array({"gate"}));
      EXPECT_EQ(after.at("entered_zones"), (json::array{"belt", "gate"}));
      EXPECT_TRUE(after.at("stationary").as_bool());
      EXPECT_FALSE(after.at("active").as_bool());
    }
  }
  EXPECT_EQ(ids.size(), 1U) << "one object has one id";
}

TEST_F(FrigateFormTest, ATrackThatBeginsWithAPictureHasASnapshot) {
  const std::vector<std::uint8_t> jpeg{0xFF, 0xD8, 0, 'x'};
  result_.track_events[0].picture = std::make_shared<const std::vector<std::uint8_t>>(jpeg);
  Said all = tell();
  ASSERT_GE(all.size(), 2U);
  EXPECT_EQ(all[0].first, "f/line-1/short/snapshot");
  EXPECT_EQ(all[0].second, std::string(jpeg.begin(), jpeg.end()));
  EXPECT_TRUE(batch_.view()[0].retain);
  auto event = json::parse(all[1].second).as_object();
  EXPECT_FALSE(event.at("before").at("has_snapshot").as_bool());
  EXPECT_TRUE(event.at("before").at("snapshot").is_null());
  EXPECT_TRUE(event.at("after").at("has_snapshot").as_bool());
  EXPECT_FALSE(event.at("after").at("has_clip").as_bool());
  EXPECT_EQ(event.at("after").at("snapshot").at("box"), event.at("after").at("box"));
  result_.track_events = {{TrackChange::kEnd, track_for_test(3), track_for_test(3)}};
  event = json::parse(tell().front().second).as_object();
  EXPECT_TRUE(event.at("after").at("has_snapshot").as_bool()) << "to its end";
}

TEST_F(FrigateFormTest, AnAlarmGivesItsObjectsAPictureAndAClip) {
  Alarm alarm = alarm_for_test(3);
  alarm.objects = {{TrackId{3}, "short", 0.9F, {}}};
  alarm.clip = "2026/a.mp4";
  alarm.thumbnail = {'j', 'p', 'g'};
  for (const bool early : {false, true}) {
    FrigateForm form{"f", TimePoint{}};
    const auto told = [&](const auto& add) {
      batch_.clear();
      add();
      std::vector<json::object> events;
      for (const auto& [topic, payload] : said(batch_)) {
        if (topic == "f/events") events.push_back(json::parse(payload).as_object());
      }
      return events;
    };
    if (early) {
      EXPECT_TRUE(told([&] { form.add_alarm(batch_, alarm); }).empty());
    }
    auto events = told([&] { form.add_result(batch_, result_); });
    ASSERT_EQ(events.size(), 1U);
    EXPECT_FALSE(events[0].at("before").at("has_clip").as_bool());
    EXPECT_EQ(events[0].at("after").at("has_clip").as_bool(), early);
    events = told([&] { form.add_alarm(batch_, alarm); });
    EXPECT_EQ(events.size(), early ? 0U : 1U) << "what is known is not told again";
    if (early) continue;
    EXPECT_EQ(events[0].at("type").as_string(), "update");
    EXPECT_EQ(events[0].at("after").at("id"), events[0].at("before").at("id"));
    EXPECT_FALSE(events[0].at("before").at("has_snapshot").as_bool());
    EXPECT_TRUE(events[0].at("after").at("has_snapshot").as_bool());
    EXPECT_EQ(events[0].at("after").at("max_severity").as_string(), "alert");
    EXPECT_TRUE(told([&] { form.add_alarm(batch_, alarm); }).empty());
  }
}

TEST_F(FrigateFormTest, ReviewsLastWhileSomethingMoves) {
  const auto reviews = [&](const auto& add) {
    batch_.clear();
    add();
    std::vector<json::object> all;
    for (const auto& [topic, payload] : said(batch_)) {
      if (topic == "f/reviews") all.push_back(json::parse(payload).as_object());
    }
    return all;
  };
  const auto frame = [&] { form_.add_result(batch_, result_); };
  auto all = reviews(frame);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].at("type").as_string(), "new");
  const json::object begun = all[0].at("after").as_object();
  EXPECT_EQ(begun.at("severity").as_string(), "detection");
  EXPECT_TRUE(begun.at("end_time").is_null());
  EXPECT_EQ(begun.at("data").at("objects"), json::array{"short"});
  EXPECT_EQ(begun.at("data").at("zones"), json::array{"belt"});
  EXPECT_EQ(begun.at("data").at("detections").as_array().size(), 1U);
  result_.track_events.clear();
  EXPECT_TRUE(reviews(frame).empty()) << "nothing new";
  Alarm alarm = alarm_for_test(3);
  alarm.camera = "line-1";
  alarm.zone = "gate";
  alarm.objects = {{TrackId{3}, "short", 0.9F, {}}};
  all = reviews([&] { form_.add_alarm(batch_, alarm); });
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].at("type").as_string(), "update");
  EXPECT_EQ(all[0].at("before").at("severity").as_string(), "detection");
  EXPECT_EQ(all[0].at("after").at("severity").as_string(), "alert");
  EXPECT_EQ(all[0].at("after").at("data").at("zones"), (json::array{"belt", "gate"}));
  result_.tracks[0].stationary = true;
  all = reviews(frame);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].at("type").as_string(), "end");
  EXPECT_EQ(all[0].at("after").at("id"), begun.at("id"));
  EXPECT_TRUE(all[0].at("after").at("end_time").is_double());
  EXPECT_TRUE(reviews(frame).empty());
}

TEST_F(FrigateFormTest, StatsAreRatesSinceTheLastOnes) {
  result_.outcome.times.inference = 20ms;
  for (std::uint64_t i = 0; i < 30; ++i) {
    result_.frame = 10 + i * 5;  // each fifth of what the camera sent
    result_.inferred = i % 2 == 0;
    (void)tell();
  }
  batch_.clear();
  form_.add_stats(batch_, TimePoint{} + 14s, wall_time_for_test());
  EXPECT_TRUE(batch_.view().empty());
  form_.add_stats(batch_, TimePoint{} + 15s, wall_time_for_test());
  ASSERT_EQ(batch_.view().size(), 1U);
  EXPECT_EQ(batch_.view()[0].topic, "f/stats");
  const auto stats = json::parse(batch_.view()[0].payload).as_object();
  const auto& camera = stats.at("cameras").at("line-1").as_object();
  EXPECT_DOUBLE_EQ(camera.at("process_fps").as_double(), 2.0);
  EXPECT_DOUBLE_EQ(camera.at("detection_fps").as_double(), 1.0);
  EXPECT_NEAR(camera.at("camera_fps").as_double(), 146 / 15.0, 0.051);
  EXPECT_NEAR(camera.at("skipped_fps").as_double(), 146 / 15.0 - 2, 0.051);
  EXPECT_DOUBLE_EQ(stats.at("detectors").at("shoal").at("inference_speed").as_double(), 20.0);
  EXPECT_EQ(stats.at("service").at("uptime").as_int64(), 15);
}

constexpr BrokerScheme kSchemes[] = {{"mqtt", 1883, false}, {"mqtts", 8883, true}};

TEST(BrokerAddressTest, ReadsWhatUsersWrite) {
  struct {
    const char* url;
    const char* host;
    int port;
    bool tls;
  } const kCases[] = {{"mqtt://broker", "broker", 1883, false},
                      {"mqtts://broker.example/", "broker.example", 8883, true},
                      {"mqtt://10.0.0.1:1884", "10.0.0.1", 1884, false},
                      {"mqtt://[::1]:65535/", "::1", 65535, false},
                      {"mqtts://[fe80::1]", "fe80::1", 8883, true}};
  for (const auto& row : kCases) {
    const auto address = parse_broker_address(row.url, kSchemes);
    ASSERT_TRUE(address) << row.url;
    EXPECT_EQ(address->host, row.host) << row.url;
    EXPECT_EQ(address->port, row.port) << row.url;
    EXPECT_EQ(address->tls, row.tls) << row.url;
  }
}

TEST(BrokerAddressTest, RefusesAllElseAndSaysWhatItExpects) {
  for (const char* url : {"", "broker", "broker:1883", "http://broker", "mqtt:/broker", "mqtt://",
                          "mqtt://:1883", "mqtt://broker:", "mqtt://broker:0", "mqtt://broker:1x",
                          "mqtt://broker:65536", "mqtt://broker:-1", "mqtt://[::1", "mqtt://[::1]x",
                          "mqtt://broker/path", "mqtt://bro ker", "mqtt://a:b@broker"}) {
    const auto address = parse_broker_address(url, kSchemes);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(address.error().message.find("mqtt://HOST:PORT or mqtts://HOST:PORT"),
              std::string::npos) << address.error().message;
  }
}

TEST(BrokerAddressTest, AnErrorNeverRepeatsAPassword) {
  for (const char* url : {"mqtt://me:secret@broker", "x://me:secret@broker"}) {
    EXPECT_EQ(parse_broker_address(url, kSchemes).error().message.find("secret"),
              std::string::npos);
  }
}

TEST(ConnectPaceTest, WaitsASecondOrTwiceAsLongAsTheAttemptTook) {
  ConnectPace pace;
  const TimePoint now{};
  EXPECT_TRUE(pace.is_due(now));
  for (const auto& [took, wait] : {std::pair(1ms, 1000ms), std::pair(5000ms, 10'000ms)}) {
    for (int i = 0; i < 50; ++i) {
      pace.failed(now, took);
      EXPECT_FALSE(pace.is_due(now + wait - 1ms));
      EXPECT_TRUE(pace.is_due(now + wait * 3 / 2 + 1ms));
    }
  }
}

TEST(MessageSinksTest, PrefixesThatCannotBeAreRefused) {
  for (const char* topic : {"a/#", "+", "$SYS"}) {
    const auto sink = create_mqtt_sink({.url = "mqtt://127.0.0.1", .topic = topic});
    ASSERT_FALSE(sink) << topic;
    EXPECT_EQ(sink.error().code, ErrorCode::kInvalidArgument);
  }
  for (const char* subject : {"a.>", "*", ".a", "a.", "a..b", "a b"}) {
    const auto sink = create_nats_sink({.url = "nats://127.0.0.1", .subject = subject});
    ASSERT_FALSE(sink) << subject;
    EXPECT_EQ(sink.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(MessageSinksTest, ThoseThatCannotConnectSayWhyAtOnceAndStayUsable) {
  const std::string nobody = "127.0.0.1:1";  // a port where nothing listens
  std::vector<std::unique_ptr<CameraSink>> sinks;
  sinks.push_back(std::move(*create_mqtt_sink({.url = "mqtt://" + nobody})));
  sinks.push_back(std::move(*create_nats_sink({.url = "nats://" + nobody})));
  sinks.push_back(std::move(*create_webhook_sink({.url = "http://" + nobody})));
  for (const auto& sink : sinks) {
    for (int i = 0; i < 2; ++i) {
      const auto wrote = sink->write(alarm_for_test(1));
      ASSERT_FALSE(wrote);
      EXPECT_EQ(wrote.error().code, ErrorCode::kUnavailable);
      EXPECT_NE(wrote.error().message.find(nobody), std::string::npos) << wrote.error().message;
    }
    sink->tick(Clock::now());
    EXPECT_TRUE(sink->finish());
    EXPECT_NE(sink->written().find("0 alarms"), std::string::npos);
  }
}

}  // namespace
}  // namespace shoal
