// For developing the page and testing its routes: serves docs/cameras-api.md over invented cameras,
// which show procedural boards with their true boxes. A tool of the tests, not of the product.
//
//   shoal_fake_site --http 127.0.0.1:8000 [--keys FILE] [--clip FILE.mp4] [--page FILE.html]
//                   [--certificate FILE --key FILE] [--stall-ms N] [--cameras N]
//
// Prints "http://HOST:PORT/" when it serves; ends with SIGTERM or SIGINT. Without --page, / is the
// dashboard. SIGUSR1 takes line-2 away, as if it did not answer; SIGUSR2 brings it back.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "service/cameras/camera_routes.h"
#include "service/cameras/fake_control_for_test.h"
#include "service/http/http_server.h"
#include "service/page/page_routes.h"
#include "sink/annotate.h"
#include "sink/picture_encoder.h"
#include "source/board.h"

namespace shoal {
namespace {

std::atomic<bool> stopped = false;
std::atomic<bool> away = false;  // line-2

struct Arguments {
  std::string http = "127.0.0.1:8000";
  std::string keys;
  std::string clip;
  std::string page;
  std::string certificate;
  std::string key;
  int stall_ms = 10'000;
  int cameras = 4;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--http") arguments.http = value;
    else if (name == "--keys") arguments.keys = value;
    else if (name == "--clip") arguments.clip = value;
    else if (name == "--page") arguments.page = value;
    else if (name == "--certificate") arguments.certificate = value;
    else if (name == "--key") arguments.key = value;
    else if (name == "--stall-ms") arguments.stall_ms = std::atoi(value.c_str());
    else if (name == "--cameras") arguments.cameras = std::atoi(value.c_str());
    else return false;
  }
  return argc % 2 == 1;
}

std::vector<std::string> class_names() {
  return {kDefectNames.begin(), kDefectNames.end()};
}

// One invented camera: a line of boards, its frames and their truth.
struct Scene {
  Size size;
  double fps = 10;
  BoardLine line;
  std::int64_t frame = 0;
  TimePoint due{};
  TimePoint last_alarm{};
  std::uint64_t crossed = 0;
  std::map<std::int64_t, float> seen_at{};  // x of each track in the frame before
};

Scene make_scene(std::size_t index) {
  constexpr Size kSizes[] = {{1280, 720}, {640, 480}, {1920, 1080}, {800, 600}};
  constexpr double kRates[] = {12.5, 25, 5, 10};
  const Size size = kSizes[index % 4];
  return {.size = size, .fps = kRates[index % 4],
          .line = BoardLine({.width = size.width, .height = size.height, .seed = index + 1})};
}

class FakeSite {
 public:
  FakeSite(FakeControl& control, std::string clip) : control_(control), clip_(std::move(clip)) {}

  // One frame of every camera that is due; how long the next one is away.
  Duration step() {
    const TimePoint now = Clock::now();
    take_away(away);
    TimePoint next = now + std::chrono::milliseconds(100);
    for (const CameraStatus& status : control_.cameras()) {
      const std::string& name = status.config.name;
      auto found = scenes_.find(name);
      if (found == scenes_.end()) {
        found = scenes_.emplace(name, make_scene(scenes_.size())).first;
      }
      Scene& scene = found->second;
      if (now >= scene.due) {
        scene.due = now + std::chrono::duration_cast<Duration>(
                              std::chrono::duration<double>(1 / scene.fps));
        show(status, scene, now);
      }
      next = std::min(next, scene.due);
    }
    finish_clips(now);
    return std::max(next - Clock::now(), Duration(std::chrono::milliseconds(1)));
  }

 private:
  void take_away(bool wanted) {
    if (wanted == is_away_) return;
    is_away_ = wanted;
    control_.set_status("line-2", [&](CameraStatus& told) {
      told.state = wanted ? CameraState::kWaiting : CameraState::kRunning;
      told.since = std::chrono::system_clock::now();
      told.error = wanted ? "10.0.0.2:554: connection refused" : "";
      told.attempts = wanted ? 3 : 0;
      told.retry_at.reset();
      if (wanted) told.retry_at = told.since + std::chrono::seconds(30);
      told.fps_in = told.fps_out = 0;
    });
  }

  void show(const CameraStatus& status, Scene& scene, TimePoint now) {
    const std::vector<LineDefect> truth = scene.line.truth(scene.frame);
    const bool shown = control_.publish(
        status.config.name, scene.size, [&](CameraResult& result, std::uint8_t* pixels) {
          fill(result, status, scene, truth);
          if (pixels == nullptr) return;
          const std::size_t bytes = std::size_t{3} * static_cast<std::size_t>(scene.size.width) *
                                    static_cast<std::size_t>(scene.size.height);
          (void)scene.line.draw(scene.frame, {pixels, bytes});
        });
    ++scene.frame;
    if (!shown) return;
    control_.set_status(status.config.name, [&](CameraStatus& told) {
      told.fps_in = told.fps_out = scene.fps;
      told.latency_ms_p50 = 31;
      told.latency_ms_p99 = 58;
      told.packets = told.decoded;
      told.bytes += 40'000;
    });
    if (!truth.empty() && now - scene.last_alarm > std::chrono::seconds(7)) {
      scene.last_alarm = now;
      raise(status, scene, truth);
    }
  }

  static void fill(CameraResult& result, const CameraStatus& status, Scene& scene,
                   const std::vector<LineDefect>& truth) {
    std::map<std::int64_t, float> seen;
    std::uint32_t inside = 0;
    for (const LineDefect& defect : truth) {
      Track track;
      track.id = static_cast<TrackId>(defect.track_id);
      track.box = {static_cast<float>(defect.box.x0), static_cast<float>(defect.box.y0),
                   static_cast<float>(defect.box.x1), static_cast<float>(defect.box.y1)};
      track.class_id = static_cast<std::int32_t>(defect.kind);
      track.confidence = 0.5F + 0.05F * static_cast<float>(defect.track_id % 10);
      const float x = (track.box.x1 + track.box.x2) / 2;
      const float middle = static_cast<float>(scene.size.width) / 2;
      track.zones = x > middle / 2 && x < middle * 1.5F && !status.config.zones.empty() ? 1 : 0;
      inside += track.zones > 0 ? 1 : 0;
      const auto before = scene.seen_at.find(defect.track_id);
      if (before != scene.seen_at.end() && before->second >= middle && x < middle) ++scene.crossed;
      seen[defect.track_id] = x;
      result.tracks.push_back(track);
      result.outcome.detections.items.push_back(
          {.box = track.box, .confidence = track.confidence, .class_id = track.class_id,
           .track_id = track.id});
    }
    scene.seen_at = std::move(seen);
    if (!status.config.zones.empty()) result.zone_counts = {inside};
    if (!status.config.lines.empty()) result.line_counts = {{scene.crossed, 0}};
  }

  void raise(const CameraStatus& status, Scene& scene, const std::vector<LineDefect>& truth) {
    const auto at = std::chrono::system_clock::now();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
    Alarm alarm;
    alarm.id = std::to_string(ms.count()) + "-" + status.config.name + "-" +
               std::to_string(++alarms_);
    alarm.rule = "defect on the belt";
    alarm.camera = status.config.name;
    alarm.at = at;
    alarm.frame = static_cast<std::uint64_t>(scene.frame);
    alarm.message = std::to_string(truth.size()) + " x defect in zone 'belt' for 0.5 s";
    alarm.zone = "belt";
    alarm.size = scene.size;
    for (const LineDefect& defect : truth) {
      alarm.objects.push_back(
          {.track = static_cast<TrackId>(defect.track_id),
           .name = std::string(kDefectNames[static_cast<std::size_t>(defect.kind)]),
           .confidence = 0.9F,
           .box = {static_cast<float>(defect.box.x0), static_cast<float>(defect.box.y0),
                   static_cast<float>(defect.box.x1), static_cast<float>(defect.box.y1)}});
    }
    const BoardPicture board = draw_board({.width = 320, .height = 180, .seed = alarms_});
    if (const auto jpeg = encoder_.jpeg({board.rgb.data(), {320, 180}, 3 * 320}, 85)) {
      alarm.thumbnail.assign(jpeg->begin(), jpeg->end());
    }
    if (!clip_.empty()) {
      alarm.clip = alarm.id + ".mp4";
      clips_.emplace_back(Clock::now() + std::chrono::seconds(3), alarm.id);
    }
    control_.raise(std::move(alarm));
  }

  void finish_clips(TimePoint now) {
    std::erase_if(clips_, [&](const auto& clip) {
      if (clip.first > now) return false;
      control_.set_clip(clip.second, clip_);
      return true;
    });
  }

  FakeControl& control_;
  const std::string clip_;
  std::map<std::string, Scene> scenes_;
  std::vector<std::pair<TimePoint, std::string>> clips_;
  bool is_away_ = false;
  std::uint64_t alarms_ = 0;
  PictureEncoder encoder_;
};

void draw_boxes(const DrawnPixels& pixels, const CameraResult& result) {
  thread_local Annotator annotator(class_names());
  annotator.draw({pixels.data, pixels.size, pixels.pitch_bytes}, result.outcome.size,
                 result.outcome.detections);
}

void add_cameras(FakeControl& control, int count) {
  for (int i = 1; i <= count; ++i) {
    CameraConfig config;
    config.name = "line-" + std::to_string(i);
    config.url = "rtsp://admin:secret@10.0.0." + std::to_string(i) + "/1";
    config.zones = {{"belt", {{0.25, 0.1}, {0.75, 0.1}, {0.75, 0.9}, {0.25, 0.9}}, {}, {}}};
    config.lines = {{"gate", {0.5, 0}, {0.5, 1}, {}}};
    (void)control.add(config);
  }
  control.set_sinks({{.name = "jsonl", .written = "1,280 lines", .error = {}},
                     {.name = "mqtt", .written = "12 alarms", .spooled = 3,
                      .error = "127.0.0.1:1883: connection refused"}});
}

SiteFigures figures() {
  static const TimePoint started = Clock::now();
  SiteFigures now;
  now.uptime_s = to_milliseconds(Clock::now() - started) / 1000;
  now.models = {{.name = "pcb", .waiting = 1, .lanes = 2, .idle_lanes = 1, .batch_max = 8}};
  now.images_per_second = 52.5;
  now.batch_mean = 2.4;
  now.latency_ms_p50 = 31;
  now.latency_ms_p99 = 58;
  now.memory_bytes = 310'000'000;
  now.memory_limit_bytes = 8'000'000'000;
  now.cpu_share = 0.63;
  return now;
}

std::string file_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int serve(const Arguments& arguments) {
  FakeControl control(class_names());
  add_cameras(control, arguments.cameras);
  HttpRouter router;
  add_camera_routes(router, {.control = &control, .figures = figures,
                             .config_json = [] { return std::string(R"({"camera":[]})"); },
                             .draw = draw_boxes, .version = "0.1.0-fake"});
  if (arguments.page.empty()) {
    add_page_routes(router);
  } else {
    router.add("GET", "/", [&](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->respond({.status = 200, .content_type = "text/html; charset=utf-8",
                         .body = file_text(arguments.page), .headers = {}});
    });
  }
  HttpOptions options;
  const std::size_t colon = arguments.http.rfind(':');
  options.address = arguments.http.substr(0, colon);
  options.port = static_cast<std::uint16_t>(std::atoi(arguments.http.c_str() + colon + 1));
  options.api_keys_file = arguments.keys;
  options.tls.certificate = arguments.certificate;
  options.tls.key = arguments.key;
  options.stall_timeout = std::chrono::milliseconds(arguments.stall_ms);
  auto server = HttpServer::create(options, std::move(router));
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 3;
  }
  (*server)->start();
  std::printf("%s://%s:%d/\n", arguments.certificate.empty() ? "http" : "https",
              options.address.c_str(), (*server)->port());
  std::fflush(stdout);
  FakeSite site(control, arguments.clip);
  while (!stopped) std::this_thread::sleep_for(site.step());
  (*server)->drain(std::chrono::seconds(5));
  server->reset();
  return 0;
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  shoal::Arguments arguments;
  if (!shoal::parse(argc, argv, arguments)) {
    std::fprintf(stderr, "see the head of tools/fake_site.cpp\n");
    return 2;
  }
  for (const int number : {SIGINT, SIGTERM}) {
    std::signal(number, [](int) { shoal::stopped = true; });
  }
  std::signal(SIGUSR1, [](int) { shoal::away = true; });
  std::signal(SIGUSR2, [](int) { shoal::away = false; });
  return shoal::serve(arguments);
}
