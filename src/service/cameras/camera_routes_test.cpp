// The routes over a real server and a site that does what it is told; the page's socket and players
// are tried with clients of others in tests/e2e/test_cameras_api.py.
#include "service/cameras/camera_routes.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "service/cameras/deepstream.h"
#include "service/cameras/fake_control_for_test.h"
#include "service/http/http_for_test.h"

namespace shoal {
namespace {

namespace json = boost::json;

class CameraRoutes : public ::testing::Test {
 protected:
  CameraRoutes() {
    CameraConfig config;
    config.name = "line-1";
    config.url = "rtsp://admin:secret@10.0.0.5/1";
    config.zones = {{"belt", {{0.1, 0.2}, {0.9, 0.2}, {0.9, 0.8}}, {}, {}}};
    config.lines = {{"gate", {0.1, 0.5}, {0.9, 0.5}, {}}};
    EXPECT_TRUE(control.add(config));
    HttpRouter router;
    add_camera_routes(router, {.control = &control,
                               .figures = [] { return SiteFigures{.uptime_s = 61, .models = {}}; },
                               .config_json = [] { return std::string(R"({"site":{}})"); },
                               .draw = [](const DrawnPixels&, const CameraResult&) {},
                               .version = "0.1.0"});
    HttpOptions options;
    options.port = 0;
    server = *HttpServer::create(options, std::move(router));
    server->start();
  }
  ClientAnswer ask(std::string_view method, std::string_view target, std::string_view body = "",
                   std::string_view more = "") {
    RawClient client(server->port());
    client.send(std::string(method) + " " + std::string(target) +
                " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n" + std::string(more) + "\r\n" + std::string(body));
    return client.answer(method == "HEAD");
  }
  json::object object(const ClientAnswer& answer) {
    EXPECT_EQ(answer.header("content-type"), "application/json");
    return json::parse(answer.body).as_object();
  }
  static std::string code_of(const ClientAnswer& answer) {
    return std::string(json::parse(answer.body).at("error").at("code").as_string());
  }
  static Alarm alarm(const std::string& id) {
    Alarm made;
    made.id = id;
    made.rule = "short on the belt";
    made.camera = "line-1";
    return made;
  }
  // Frames until it is destroyed.
  struct Feeder {
    explicit Feeder(FakeControl& control)
        : thread([this, &control] {
            while (!stop) {
              control.publish("line-1", {128, 96}, [](CameraResult&, std::uint8_t* pixels) {
                if (pixels != nullptr) std::fill_n(pixels, 3 * 128 * 96, std::uint8_t{90});
              });
              std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
          }) {}
    ~Feeder() {
      stop = true;
      thread.join();
    }
    Feeder(const Feeder&) = delete;
    Feeder& operator=(const Feeder&) = delete;
    std::atomic<bool> stop = false;
    std::thread thread;
  };

  FakeControl control;
  std::unique_ptr<HttpServer> server;
};

TEST_F(CameraRoutes, StatusHasTheKeysOfTheContract) {
  control.set_status("line-1", [](CameraStatus& status) {
    status.since = WallTime(std::chrono::milliseconds(1'795'248'000'000));
    status.retry_at = status.since + std::chrono::seconds(1);
    status.state = CameraState::kWaiting;
    status.error = "no answer";
    status.size = {1280, 720};
    status.codec = "h264";
    status.age_ms = 41;
    status.dropped[0] = 880;
    status.zone_counts = {2};
    status.line_counts = {{12, 0}};
  });
  json::object status = object(ask("GET", "/api/v1/cameras/line-1"));
  EXPECT_EQ(status.at("config").at("url"), "rtsp://admin:***@10.0.0.5/1");
  EXPECT_EQ(status.at("config").at("age_max_ms"), 1000);
  status.erase("config");
  EXPECT_EQ(status, json::parse(R"({"name":"line-1","url":"rtsp://admin:***@10.0.0.5/1",
    "state":"waiting","error":"no answer","since":"2026-11-21T08:00:00.000Z",
    "retry_at":"2026-11-21T08:00:01.000Z","attempts":0,"connects":1,"width":1280,"height":720,
    "codec":"h264","model":"","priority":"normal","fps_in":0.0,"fps_out":0.0,"age_ms":41.0,
    "latency_ms":{"p50":0.0,"p99":0.0},"packets":0,"bytes":0,"decoded":0,"analysed":0,"late":0,
    "errors":0,"alarms":0,"dropped":{"rate":880,"newer":0,"stale":0,"motion":0,"no_key_frame":0,
    "damaged":0,"refused":0,"memory":0},"tracks":0,"class_names":[],
    "zones":[{"name":"belt","polygon":[[0.1,0.2],[0.9,0.2],[0.9,0.8]],"count":2}],
    "lines":[{"name":"gate","from":[0.1,0.5],"to":[0.9,0.5],"forward":12,"backward":0}]})")
                        .as_object());
}

TEST_F(CameraRoutes, CamerasAreListedAddedChangedAndRemoved) {
  EXPECT_EQ(object(ask("GET", "/api/v1/cameras")).at("cameras").as_array().size(), 1U);
  const ClientAnswer added =
      ask("POST", "/api/v1/cameras", R"({"name":"b","url":"synthetic:pcb","fps_max":5})");
  EXPECT_EQ(added.status, 201);
  EXPECT_EQ(added.header("location"), "/api/v1/cameras/b");
  EXPECT_EQ(object(added).at("config").at("fps_max").to_number<double>(), 5);
  EXPECT_EQ(object(ask("PATCH", "/api/v1/cameras/b", R"({"align_ms":20})"))
                .at("config").at("fps_max").to_number<double>(), 5);
  const auto replaced =
      object(ask("PUT", "/api/v1/cameras/b", R"({"url":"synthetic:pcb?seed=2"})"));
  EXPECT_EQ(replaced.at("config").at("fps_max").to_number<double>(), 0);
  EXPECT_EQ(replaced.at("config").at("align_ms"), 0);
  EXPECT_EQ(ask("DELETE", "/api/v1/cameras/b").status, 204);
  EXPECT_EQ(ask("GET", "/api/v1/cameras/b").status, 404);
  EXPECT_EQ(code_of(ask("DELETE", "/api/v1/cameras/b")), "not_found");
}

TEST_F(CameraRoutes, AChangeOfOtherKeysKeepsThePassword) {
  EXPECT_EQ(ask("PATCH", "/api/v1/cameras/line-1", R"({"fps_max":5})").status, 200);
  EXPECT_EQ(control.secret_config("line-1").url, "rtsp://admin:secret@10.0.0.5/1");
  EXPECT_EQ(control.secret_config("line-1").fps_max, 5);
  const auto config = object(ask("GET", "/api/v1/cameras/line-1")).at("config");
  EXPECT_EQ(ask("PUT", "/api/v1/cameras/line-1", json::serialize(config)).status, 200);
  EXPECT_EQ(control.secret_config("line-1").url, "rtsp://admin:secret@10.0.0.5/1");
}

TEST_F(CameraRoutes, PausesAndResumes) {
  EXPECT_EQ(object(ask("POST", "/api/v1/cameras/line-1/pause")).at("state"), "paused");
  EXPECT_EQ(object(ask("POST", "/api/v1/cameras/line-1/resume")).at("state"), "running");
  EXPECT_EQ(ask("POST", "/api/v1/cameras/nobody/pause").status, 404);
}

TEST_F(CameraRoutes, WhatIsWrongIsSaid) {
  struct {
    const char* method;
    const char* path;
    std::string body;
    int status;
    const char* code;
    const char* text;
  } const cases[] = {
      {"POST", "/api/v1/cameras", "", 400, "corrupt_input", "JSON"},
      {"POST", "/api/v1/cameras", "[]", 400, "invalid_argument", "object"},
      {"POST", "/api/v1/cameras", std::string(5000, '['), 400, "corrupt_input", "JSON"},
      {"POST", "/api/v1/cameras", R"({"name":"b"})", 400, "invalid_argument", "url"},
      {"POST", "/api/v1/cameras", R"({"name":"b","url":"synthetic:pcb","fsp_max":1})", 400,
       "invalid_argument", "fps_max"},
      {"POST", "/api/v1/cameras", R"({"name":"b","url":"synthetic:pcb","fps_max":"x"})", 400,
       "invalid_argument", "fps_max"},
      {"POST", "/api/v1/cameras", R"({"name":"../b","url":"synthetic:pcb"})", 400,
       "invalid_argument", "name"},
      {"POST", "/api/v1/cameras", R"({"name":"line-1","url":"synthetic:pcb"})", 400,
       "invalid_argument", "line-1"},
      {"PATCH", "/api/v1/cameras/line-1", R"({"name":"other"})", 400, "invalid_argument",
       "keeps its name"},
      {"PATCH", "/api/v1/cameras/nobody", "{}", 404, "not_found", "nobody"},
      {"GET", "/api/v1/cameras/line-1/frame.jpg?width=1", "", 400, "invalid_argument", "width"},
      {"GET", "/api/v1/cameras/line-1/frame.jpg?fps=1", "", 400, "invalid_argument", "fps"},
      {"GET", "/api/v1/cameras/nobody/frame.jpg", "", 404, "not_found", "nobody"},
      {"GET", "/api/v1/cameras/nobody/stream.mjpg", "", 404, "not_found", "nobody"},
      {"GET", "/api/v1/alarms?count=0", "", 400, "invalid_argument", "count"},
      {"GET", "/api/v1/alarms?cuont=1", "", 400, "invalid_argument", "count"},
      {"GET", "/api/v1/alarms/none/thumbnail.jpg", "", 404, "not_found", "none"},
      {"GET", "/api/v1/alarms/none/clip.mp4", "", 404, "not_found", "none"},
  };
  for (const auto& wrong : cases) {
    const ClientAnswer answer = ask(wrong.method, wrong.path, wrong.body);
    EXPECT_EQ(answer.status, wrong.status) << wrong.path << answer.body;
    EXPECT_EQ(code_of(answer), wrong.code) << wrong.path << answer.body;
    EXPECT_NE(answer.body.find(wrong.text), std::string::npos) << answer.body;
  }
  EXPECT_EQ(ask("DELETE", "/api/v1/cameras").status, 405);
  EXPECT_EQ(ask("DELETE", "/api/v1/cameras").header("allow"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(ask("GET", "/api/v1/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/api/v1/live").status, 426);
}

TEST_F(CameraRoutes, ForeignPagesSeeAndChangeNothing) {
  const char* foreign = "Origin: http://evil.example\r\n";
  EXPECT_EQ(ask("GET", "/api/v1/cameras", "", foreign).status, 403);
  EXPECT_EQ(ask("POST", "/api/v1/cameras", R"({"name":"b","url":"synthetic:pcb"})", foreign).status,
            403);
  EXPECT_EQ(ask("GET", "/api/v1/cameras/line-1/frame.jpg", "", "Sec-Fetch-Site: cross-site\r\n")
                .status, 403);
  EXPECT_EQ(control.cameras().size(), 1U);
}

TEST_F(CameraRoutes, AFrameComesFromTheNextResult) {
  const Feeder feeder(control);
  const ClientAnswer answer = ask("GET", "/api/v1/cameras/line-1/frame.jpg?width=64&boxes=1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "image/jpeg");
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_TRUE(answer.body.starts_with("\xff\xd8"));
  EXPECT_EQ(ask("HEAD", "/api/v1/cameras/line-1/frame.jpg").status, 200);
}

TEST_F(CameraRoutes, ACameraThatGivesNoPictureSaysSo) {
  const ClientAnswer silent = ask("GET", "/api/v1/cameras/line-1/frame.jpg");  // 5 s
  EXPECT_EQ(silent.status, 503);
  EXPECT_EQ(silent.header("retry-after"), "1");
  ask("POST", "/api/v1/cameras/line-1/pause");
  const ClientAnswer paused = ask("GET", "/api/v1/cameras/line-1/frame.jpg");
  EXPECT_EQ(paused.status, 503);
  EXPECT_NE(paused.body.find("paused"), std::string::npos);
  EXPECT_EQ(control.watchers(1), 0);
}

TEST_F(CameraRoutes, AStreamEndsWithItsCamera) {
  RawClient client(server->port());
  {
    const Feeder feeder(control);
    client.send("GET /api/v1/cameras/line-1/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(client.answer(true).header("content-type"),
              "multipart/x-mixed-replace; boundary=shoal-picture");
    EXPECT_EQ(client.receive(46), "\r\n--shoal-picture\r\nContent-Type: image/jpeg\r\nC");
  }
  EXPECT_EQ(ask("DELETE", "/api/v1/cameras/line-1").status, 204);
  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(client.buffered().ends_with("\r\n--shoal-picture--\r\n"));
}

TEST_F(CameraRoutes, AlarmsArePagedAndHaveTheirPictures) {
  for (int i = 100; i < 160; ++i) {
    Alarm made = alarm("1795248000" + std::to_string(i) + "-line-1-" + std::to_string(i));
    if (i == 120) made.thumbnail = {0xff, 0xd8, 7};
    control.raise(std::move(made));
  }
  const auto newest = object(ask("GET", "/api/v1/alarms")).at("alarms").as_array();
  ASSERT_EQ(newest.size(), 50U);
  EXPECT_EQ(newest[0].at("id"), "1795248000159-line-1-159");
  const std::string last(newest[49].at("id").as_string());
  const auto older = object(ask("GET", "/api/v1/alarms?count=1000&before=" + last));
  EXPECT_EQ(older.at("alarms").as_array().size(), 10U);
  const ClientAnswer picture = ask("GET", "/api/v1/alarms/1795248000120-line-1-120/thumbnail.jpg");
  EXPECT_EQ(picture.status, 200);
  EXPECT_EQ(picture.body, "\xff\xd8\x07");
  EXPECT_EQ(ask("GET", "/api/v1/alarms/1795248000121-line-1-121/thumbnail.jpg").status, 404);
}

TEST_F(CameraRoutes, OldAlarmsAreFoundAPageAtATime) {
  for (int i = 1000; i < 1700; ++i) control.raise(alarm(std::to_string(i) + "-x-1"));
  Alarm made = alarm("0999-x-1");
  control.raise(alarm("1700-x-1"));
  EXPECT_EQ(code_of(ask("GET", "/api/v1/alarms/1000-x-1/thumbnail.jpg")), "not_found");
  EXPECT_NE(ask("GET", "/api/v1/alarms/1000-x-1/thumbnail.jpg").body.find("has no thumbnail"),
            std::string::npos);
  EXPECT_NE(ask("GET", "/api/v1/alarms/1000-x-2/thumbnail.jpg").body.find("no alarm"),
            std::string::npos);
}

TEST_F(CameraRoutes, AClipIsServedWithRangesOnceItIsThere) {
  Alarm made = alarm("1-line-1-1");
  made.clip = "1-line-1-1.mp4";
  control.raise(std::move(made));
  const ClientAnswer early = ask("GET", "/api/v1/alarms/1-line-1-1/clip.mp4");
  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(early.header("retry-after"), "2");
  const std::string file =
      std::filesystem::temp_directory_path() / ("shoal_clip_" + std::to_string(getpid()));
  std::ofstream(file) << "0123456789";
  control.set_clip("1-line-1-1", file);
  const ClientAnswer part =
      ask("GET", "/api/v1/alarms/1-line-1-1/clip.mp4", "", "Range: bytes=2-4\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.header("content-type"), "video/mp4");
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(object(ask("GET", "/api/v1/alarms")).at("alarms").at(0).at("clip_ready"), true);
  std::filesystem::remove(file);
  EXPECT_EQ(code_of(ask("GET", "/api/v1/alarms/1-line-1-1/clip.mp4")), "not_found");
}

TEST_F(CameraRoutes, DeepStreamsFormsWork) {
  const char* add = R"({"key":"sensor","value":{"camera_id":"door","camera_name":"front",
      "camera_url":"synthetic:pcb","change":"camera_add"}})";
  EXPECT_EQ(object(ask("POST", "/api/v1/stream/add", add)).at("reason"), "STREAM_ADD_SUCCESS");
  const auto info = object(ask("GET", "/api/v1/stream/get-stream-info")).at("stream-info");
  EXPECT_EQ(info.at("stream-count"), 2);
  EXPECT_EQ(info.at("stream-info").at(1).at("camera_id"), "door");
  EXPECT_EQ(info.at("stream-info").at(1).at("camera_name"), "front");
  EXPECT_EQ(info.at("stream-info").at(0).at("camera_name"), "line-1");
  EXPECT_EQ(ask("POST", "/api/v1/stream/add", add).status, 400);  // it is there
  const char* remove = R"({"value":{"camera_id":"door","change":"camera_remove"}})";
  EXPECT_EQ(ask("POST", "/api/v1/stream/remove", remove).status, 200);
  EXPECT_EQ(ask("POST", "/api/v1/stream/remove", remove).status, 404);
}

TEST_F(CameraRoutes, DeepStreamsErrorsHaveItsForm) {
  const auto wrong = ask("POST", "/api/v1/stream/add", R"({"camera_id":"x"})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(object(wrong).at("status"), "HTTP/1.1 400 Bad Request");
  EXPECT_NE(wrong.body.find("STREAM_ADD_FAIL, 'value'"), std::string::npos) << wrong.body;
  const auto gone = ask("POST", "/api/v1/stream/remove",
                        R"({"value":{"camera_id":"nobody","change":"camera_remove"}})");
  EXPECT_EQ(object(gone).at("status"), "HTTP/1.1 404 Not Found");
  EXPECT_NE(gone.body.find("STREAM_REMOVE_FAIL"), std::string::npos) << gone.body;
}

TEST_F(CameraRoutes, DeepStreamsClientsAskWhetherItIsReady) {
  const auto answer = object(ask("GET", "/api/v1/health/get-dsready-state"));
  EXPECT_EQ(answer.at("health-info").at("ds-ready"), "YES");
  EXPECT_EQ(answer.at("reason"), "GET_DS_READINESS_INFO_SUCCESS");
}

TEST_F(CameraRoutes, DeepStreamsIdsMayHaveAnyLetters) {
  const auto body = [](std::string_view id, std::string_view change) {
    return fmt::format(R"({{"value":{{"camera_id":"{}","camera_url":"synthetic:pcb",)"
                       R"("change":"{}"}}}})", id, change);
  };
  for (const char* id : {"cam 2", "cam/2", "\u76f8\u673a", ".hidden"}) {
    EXPECT_EQ(ask("POST", "/api/v1/stream/add", body(id, "please add it")).status, 200) << id;
    const auto info = object(ask("GET", "/api/v1/stream/get-stream-info")).at("stream-info");
    EXPECT_EQ(info.at("stream-info").at(1).at("camera_id"), id);
    EXPECT_EQ(ask("POST", "/api/v1/stream/remove", body(id, "remove_x")).status, 200) << id;
  }
  EXPECT_NE(camera_name_of("cam 2"), camera_name_of("cam/2"));
  EXPECT_EQ(camera_name_of("cam-2"), "cam-2");
}

TEST_F(CameraRoutes, SiteAndConfigurationAreTold) {
  control.set_sinks({{.name = "jsonl", .written = "1,280 lines", .dropped = 1, .waiting = 2,
                      .spooled = 3, .error = "disk full"}});
  json::object site = object(ask("GET", "/api/v1/status"));
  EXPECT_TRUE(site.at("time").as_string().ends_with("Z"));
  site.erase("time");
  EXPECT_EQ(site, json::parse(R"({"uptime_s":61.0,"version":"0.1.0","models":[],
    "images_per_second":0.0,"batch_mean":0.0,"latency_ms":{"p50":0.0,"p99":0.0},"memory_bytes":0,
    "memory_limit_bytes":0,"cpu_share":0.0,"sinks":[{"name":"jsonl","written":"1,280 lines",
    "dropped":1,"waiting":2,"spooled":3,"error":"disk full"}]})").as_object());
  EXPECT_EQ(ask("GET", "/api/v1/config").body, R"({"site":{}})");
}

}  // namespace
}  // namespace shoal
