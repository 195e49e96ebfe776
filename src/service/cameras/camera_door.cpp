#include "service/cameras/camera_door.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "core/json_text.h"
#include "core/suggest.h"
#include "pipeline/site_config_read.h"
#include "service/cameras/live_socket.h"
#include "service/cameras/view_limits.h"
#include "service/http/file_response.h"
#include "service/rest/rest_answer.h"

namespace shoal {
namespace {

constexpr std::size_t kJobsMax = 64;
constexpr std::size_t kBytesMax = std::size_t{16} << 20;
constexpr std::size_t kAlarmsDefault = 50;
constexpr std::size_t kAlarmsMax = 1000;
constexpr int kRetryAfter = 1;      // s
constexpr int kRetryRecording = 2;  // s: a clip's seconds after the alarm

HttpResponse json_response(std::string body, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

HttpResponse refusal(const Error& error, int retry_after = kRetryAfter) {
  HttpResponse response = rest_error(error, status_of(error.code, true));
  set_retry_after(response, retry_after);
  return response;
}

struct AlarmQuery {
  std::size_t count = kAlarmsDefault;
  std::string before;
};

Result<AlarmQuery> read_alarm_query(const HttpRequest& request) {
  constexpr std::array<std::string_view, 2> kKnown = {"before", "count"};
  AlarmQuery query;
  for (const auto& [name, value] : request.query) {
    if (name == "before") {
      query.before = value;
    } else if (name == "count") {
      const char* end = value.data() + value.size();
      const auto [behind, failure] = std::from_chars(value.data(), end, query.count);
      if (failure != std::errc() || behind != end || query.count < 1 || query.count > kAlarmsMax) {
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("count: expected 1 to {}", kAlarmsMax)};
      }
    } else {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("unknown option '{}'{}", name.substr(0, 64),
                               suggestion(std::string_view(name).substr(0, 64), kKnown))};
    }
  }
  return query;
}

}  // namespace

CameraDoor::CameraDoor(CameraRoutesOptions options)
    : options_(std::move(options)),
      control_(*options_.control),
      hub_(control_, options_.draw),
      frames_(hub_),
      news_(control_, hub_, {.figures = options_.figures, .version = options_.version}),
      changing_("camera-change", kJobsMax, kBytesMax),
      reading_("camera-read", kJobsMax, kBytesMax) {
  news_.on_beat([this](TimePoint now) { frames_.beat(now); });
}

void CameraDoor::later(WorkQueue& queue, const Exchange& exchange, Work work) {
  const std::size_t bytes = exchange->request().body.size();
  const bool taken = queue.post(bytes, [exchange, work = std::move(work)] {
    Result<HttpResponse> response = work(*exchange);
    exchange->respond(response ? *std::move(response) : refusal(response.error()));
  });
  if (!taken) {
    exchange->respond(refusal({ErrorCode::kQueueFull, "too many requests about cameras wait"}));
  }
}

Result<HttpResponse> CameraDoor::status_of_camera(std::string_view name, int status) {
  const CameraStatus camera = SHOAL_TRY(control_.camera(name));
  return json_response(news_.camera_text(camera), status);
}

void CameraDoor::add(const Exchange& exchange) {
  later(changing_, exchange, [this](const HttpExchange& asked) { return added(asked); });
}

Result<HttpResponse> CameraDoor::added(const HttpExchange& exchange) {
  const CameraConfig config =
      SHOAL_TRY(camera_from_json(exchange.request().body, CameraConfig{}));
  SHOAL_TRY(control_.add(config));
  news_.hurry();
  HttpResponse response = SHOAL_TRY(status_of_camera(config.name, 201));
  response.headers.emplace_back("Location", "/api/v1/cameras/" + config.name);
  return response;
}

void CameraDoor::change(const Exchange& exchange, bool whole) {
  later(changing_, exchange,
        [this, whole](const HttpExchange& asked) { return changed(asked, whole); });
}

Result<HttpResponse> CameraDoor::changed(const HttpExchange& exchange, bool whole) {
  const std::string name(exchange.path_part("name"));
  const CameraStatus now = SHOAL_TRY(control_.camera(name));
  CameraConfig base = now.config;
  if (whole) {
    base = {};
    base.name = name;
  }
  const CameraConfig config =
      SHOAL_TRY(camera_from_json(exchange.request().body, base, now.config.url));
  if (config.name != name) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("name: got '{}', expected '{}': a camera keeps its name; remove it and"
                             " add another", config.name, name)};
  }
  SHOAL_TRY(control_.change(name, config));
  news_.hurry();
  return status_of_camera(name, 200);
}

void CameraDoor::remove(const Exchange& exchange) {
  later(changing_, exchange, [this](const HttpExchange& asked) { return removed(asked); });
}

Result<HttpResponse> CameraDoor::removed(const HttpExchange& exchange) {
  SHOAL_TRY(control_.remove(exchange.path_part("name")));
  news_.hurry();
  HttpResponse response;
  response.status = 204;
  return response;
}

void CameraDoor::set_paused(const Exchange& exchange, bool paused) {
  later(changing_, exchange, [this, paused](const HttpExchange& asked) -> Result<HttpResponse> {
    const std::string name(asked.path_part("name"));
    SHOAL_TRY(control_.set_paused(name, paused));
    news_.hurry();
    return status_of_camera(name, 200);
  });
}

void CameraDoor::stream_add(const Exchange& exchange) {
  later(changing_, exchange,
        [this](const HttpExchange& asked) { return stream_changed(asked, true); });
}

void CameraDoor::stream_remove(const Exchange& exchange) {
  later(changing_, exchange,
        [this](const HttpExchange& asked) { return stream_changed(asked, false); });
}

// What goes wrong is said in DeepStream's form, too.
HttpResponse CameraDoor::stream_changed(const HttpExchange& exchange, bool add) {
  const Result<void> done = change_stream(exchange, add);
  if (done) {
    news_.hurry();
    return json_response(stream_changed_text(add));
  }
  const int status = status_of(done.error().code, true);
  HttpResponse response = json_response(stream_failed_text(add, done.error(), status), status);
  set_retry_after(response, kRetryAfter);
  return response;
}

Result<void> CameraDoor::change_stream(const HttpExchange& exchange, bool add) {
  const DeepStreamChange change = SHOAL_TRY(read_stream_change(exchange.request().body, add));
  if (add) {
    CameraConfig config;
    config.name = camera_name_of(change.id);
    config.url = change.url;
    SHOAL_TRY(check_camera(config));
    SHOAL_TRY(control_.add(config));
    names_.add(change);
  } else {
    SHOAL_TRY(control_.remove(camera_name_of(change.id)));
    names_.remove(change.id);
  }
  return {};
}

void CameraDoor::cameras(const Exchange& exchange) {
  exchange->respond(json_response(news_.cameras_text()));
}

void CameraDoor::camera(const Exchange& exchange) {
  auto response = status_of_camera(exchange->path_part("name"), 200);
  exchange->respond(response ? *std::move(response) : refusal(response.error()));
}

void CameraDoor::stream_info(const Exchange& exchange) {
  exchange->respond(json_response(stream_info_text(control_.cameras(), names_)));
}

void CameraDoor::stream_ready(const Exchange& exchange) {
  exchange->respond(json_response(ready_text(!options_.ready || options_.ready())));
}

void CameraDoor::status(const Exchange& exchange) {
  exchange->respond(json_response(news_.site_text()));
}

void CameraDoor::config(const Exchange& exchange) {
  if (!options_.config_json) {
    return exchange->respond(refusal({ErrorCode::kNotFound, "no configuration is served here"}));
  }
  exchange->respond(json_response(options_.config_json()));
}

void CameraDoor::frame(const Exchange& exchange) {
  ViewWish wish{.all = false, .cameras = {}, .width = 640, .fps = 0, .boxes = true};
  if (const auto read = read_view(wish, exchange->request(), false); !read) {
    return exchange->respond(refusal(read.error()));
  }
  const auto camera = control_.camera(exchange->path_part("name"));
  if (!camera) return exchange->respond(refusal(camera.error()));
  if (wish.boxes && !options_.draw) {
    return exchange->respond(refusal({ErrorCode::kUnsupported, "boxes: ask with boxes=0"}));
  }
  if (camera->state != CameraState::kRunning) {
    return exchange->respond(refusal(
        {ErrorCode::kUnavailable,
         fmt::format("camera '{}' gives no pictures: it is {}{}{}", camera->config.name,
                     to_string(camera->state), camera->error.empty() ? "" : ": ",
                     camera->error)}));
  }
  frames_.add(exchange, camera->config.name, std::move(wish));
  news_.hurry();
}

void CameraDoor::mjpeg(const Exchange& exchange) {
  ViewWish wish{.all = false, .cameras = {}, .width = 640, .fps = 10, .boxes = true};
  if (const auto read = read_view(wish, exchange->request(), true); !read) {
    return exchange->respond(refusal(read.error()));
  }
  const auto camera = control_.camera(exchange->path_part("name"));
  if (!camera) return exchange->respond(refusal(camera.error()));
  if (wish.boxes && !options_.draw) {
    return exchange->respond(refusal({ErrorCode::kUnsupported, "boxes: ask with boxes=0"}));
  }
  HttpResponse response;
  response.content_type = kMjpegType;
  response.headers.emplace_back("Cache-Control", "no-store");
  response.stream = make_mjpeg(hub_, camera->config.name, std::move(wish));
  exchange->respond(std::move(response));
  news_.hurry();
}

void CameraDoor::live(const Exchange& exchange) {
  HttpResponse response;
  response.upgrade = make_live_socket(hub_, news_);
  exchange->respond(std::move(response));
}

void CameraDoor::alarms(const Exchange& exchange) {
  later(reading_, exchange, [this](const HttpExchange& asked) { return listed_alarms(asked); });
}

Result<HttpResponse> CameraDoor::listed_alarms(const HttpExchange& exchange) {
  const AlarmQuery query = SHOAL_TRY(read_alarm_query(exchange.request()));
  return json_response(news_.alarms_text(query.count, query.before));
}

// Ids are sorted by time, newest first: looks a page at a time until it has passed the id.
Result<std::shared_ptr<const Alarm>> CameraDoor::find_alarm(std::string_view id) const {
  constexpr std::size_t kPage = 256;
  std::string before;
  while (true) {
    const auto page = control_.alarms(kPage, before);
    for (const auto& alarm : page) {
      if (alarm->id == id) return alarm;
    }
    if (page.size() < kPage || page.back()->id < id || page.back()->id == before) break;
    before = page.back()->id;
  }
  return Error{ErrorCode::kNotFound, fmt::format("no alarm '{}'", id.substr(0, 128))};
}

void CameraDoor::thumbnail(const Exchange& exchange) {
  later(reading_, exchange, [this](const HttpExchange& asked) -> Result<HttpResponse> {
    const auto alarm = SHOAL_TRY(find_alarm(asked.path_part("id")));
    if (alarm->thumbnail.empty()) {
      return Error{ErrorCode::kNotFound,
                   fmt::format("alarm '{}' has no thumbnail", alarm->id)};
    }
    HttpResponse response;
    response.content_type = "image/jpeg";
    response.body.assign(alarm->thumbnail.begin(), alarm->thumbnail.end());
    response.headers.emplace_back("Cache-Control", "private, max-age=86400, immutable");
    return response;
  });
}

void CameraDoor::clip(const Exchange& exchange) {
  later(reading_, exchange, [this](const HttpExchange& asked) -> Result<HttpResponse> {
    const auto file = control_.clip_file(asked.path_part("id"));
    if (!file) return refusal(file.error(), kRetryRecording);
    HttpResponse response = file_response(asked.request(), *file, "video/mp4");
    if (response.status == 404) {
      return Error{ErrorCode::kNotFound, "the clip is not there any more"};
    }
    response.headers.emplace_back("Cache-Control", "private, no-cache");
    return response;
  });
}

}  // namespace shoal
