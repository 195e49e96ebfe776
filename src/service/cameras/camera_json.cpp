#include "service/cameras/camera_json.h"

#include <iterator>

#include "core/json_text.h"
#include "core/wall_time.h"
#include "pipeline/answer_text.h"
#include "pipeline/site_config_read.h"

namespace shoal {
namespace {

template <typename... Arguments>
void put(fmt::memory_buffer& out, fmt::format_string<Arguments...> format, Arguments&&... values) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(values)...);
}

void put_text(fmt::memory_buffer& out, std::string_view key, std::string_view text) {
  append_text(out, key);
  append_json_string(out, text);
}

void put_text_or_null(fmt::memory_buffer& out, std::string_view key, std::string_view text) {
  append_text(out, key);
  if (text.empty()) return append_text(out, "null");
  append_json_string(out, text);
}

void put_number(fmt::memory_buffer& out, std::string_view key, double value, int decimals) {
  append_text(out, key);
  append_json_number(out, value, decimals);
}

void put_time(fmt::memory_buffer& out, std::string_view key, WallTime time) {
  append_text(out, key);
  out.push_back('"');
  append_wall_time(out, time);
  out.push_back('"');
}

void put_point(fmt::memory_buffer& out, RelativePoint point) {
  put_number(out, "[", point.x, 6);
  put_number(out, ",", point.y, 6);
  out.push_back(']');
}

// Calls `each` for every item, with commas between.
template <typename Items, typename Each>
void put_list(fmt::memory_buffer& out, const Items& items, Each each) {
  out.push_back('[');
  std::size_t index = 0;
  for (const auto& item : items) {
    if (index > 0) out.push_back(',');
    each(item, index++);
  }
  out.push_back(']');
}

void put_counters(fmt::memory_buffer& out, const CameraStatus& status) {
  put(out, R"(,"packets":{},"bytes":{},"decoded":{},"analysed":{},"late":{},"errors":{})",
      status.packets, status.bytes, status.decoded, status.analysed, status.late, status.errors);
  put(out, R"(,"alarms":{},"dropped":{{)", status.alarms);
  for (std::size_t i = 0; i < kFrameDropCount; ++i) {
    put(out, R"({}"{}":{})", i > 0 ? "," : "", kFrameDropNames[i], status.dropped[i]);
  }
  put(out, R"(}},"tracks":{})", status.tracks);
}

void put_places(fmt::memory_buffer& out, const CameraStatus& status) {
  append_text(out, R"(,"zones":)");
  put_list(out, status.config.zones, [&](const ZoneConfig& zone, std::size_t i) {
    put_text(out, R"({"name":)", zone.name);
    append_text(out, R"(,"polygon":)");
    put_list(out, zone.polygon, [&](RelativePoint point, std::size_t) { put_point(out, point); });
    put(out, R"(,"count":{}}})", i < status.zone_counts.size() ? status.zone_counts[i] : 0);
  });
  append_text(out, R"(,"lines":)");
  put_list(out, status.config.lines, [&](const LineConfig& line, std::size_t i) {
    put_text(out, R"({"name":)", line.name);
    append_text(out, R"(,"from":)");
    put_point(out, line.from);
    append_text(out, R"(,"to":)");
    put_point(out, line.to);
    const LineCount count = i < status.line_counts.size() ? status.line_counts[i] : LineCount{};
    put(out, R"(,"forward":{},"backward":{}}})", count.forward, count.backward);
  });
}

struct SeenObject {
  std::optional<TrackId> id;
  std::int32_t class_id = 0;
  float confidence = 0;
  Box<SourceSpace> box;
  std::uint64_t zones = 0;
  bool carried = false;
};

void put_object(fmt::memory_buffer& out, const SeenObject& seen, const CameraIdentity& camera) {
  append_text(out, R"({"id":)");
  if (seen.id) {
    put(out, "{}", static_cast<std::uint32_t>(*seen.id));
  } else {
    append_text(out, "null");
  }
  put(out, R"(,"class":{},"name":)", seen.class_id);
  const auto index = static_cast<std::size_t>(seen.class_id);
  if (seen.class_id >= 0 && index < camera.class_names.size()) {
    append_json_string(out, camera.class_names[index]);
  } else {
    append_json_string(out, class_label(camera.class_names, seen.class_id));
  }
  put_number(out, R"(,"confidence":)", seen.confidence, 4);
  put_number(out, R"(,"box":[)", seen.box.x1, 2);
  put_number(out, ",", seen.box.y1, 2);
  put_number(out, ",", seen.box.x2, 2);
  put_number(out, ",", seen.box.y2, 2);
  append_text(out, R"(],"zones":[)");
  bool first = true;
  for (unsigned zone = 0; zone < 64; ++zone) {
    if ((seen.zones >> zone & 1U) == 0) continue;
    put(out, "{}{}", first ? "" : ",", zone);
    first = false;
  }
  append_text(out, seen.carried ? R"(],"carried":true})" : R"(],"carried":false})");
}

}  // namespace

void append_camera_status(fmt::memory_buffer& out, const CameraStatus& status,
                          std::span<const std::string> class_names) {
  const CameraConfig& config = status.config;
  if (status.identity) class_names = status.identity->class_names;
  put_text(out, R"({"name":)", config.name);
  put_text(out, R"(,"url":)", config.url);
  put(out, R"(,"state":"{}")", to_string(status.state));
  put_text_or_null(out, R"(,"error":)", status.error);
  put_time(out, R"(,"since":)", status.since);
  if (status.retry_at) {
    put_time(out, R"(,"retry_at":)", *status.retry_at);
  } else {
    append_text(out, R"(,"retry_at":null)");
  }
  put(out, R"(,"attempts":{},"connects":{},"width":{},"height":{},"codec":)", status.attempts,
      status.connects, status.size.width, status.size.height);
  append_json_string(out, status.codec);
  put_text(out, R"(,"model":)", config.model);
  put(out, R"(,"priority":"{}")", to_string(config.priority));
  put_number(out, R"(,"fps_in":)", status.fps_in, 2);
  put_number(out, R"(,"fps_out":)", status.fps_out, 2);
  append_text(out, R"(,"age_ms":)");
  if (status.age_ms) {
    append_json_number(out, *status.age_ms, 1);
  } else {
    append_text(out, "null");
  }
  put_number(out, R"(,"latency_ms":{"p50":)", status.latency_ms_p50, 1);
  put_number(out, R"(,"p99":)", status.latency_ms_p99, 1);
  out.push_back('}');
  put_counters(out, status);
  append_text(out, R"(,"class_names":)");
  put_list(out, class_names,
           [&](const std::string& name, std::size_t) { append_json_string(out, name); });
  put_places(out, status);
  append_text(out, R"(,"config":)");
  append_text(out, camera_to_json(config, Passwords::kHidden));
  out.push_back('}');
}

void append_site(fmt::memory_buffer& out, const SiteFigures& figures,
                 std::span<const SinkStatus> sinks, WallTime now, std::string_view version) {
  put_time(out, R"({"time":)", now);
  put_number(out, R"(,"uptime_s":)", figures.uptime_s, 1);
  put_text(out, R"(,"version":)", version);
  append_text(out, R"(,"models":)");
  put_list(out, figures.models, [&](const SiteFigures::Model& model, std::size_t) {
    put_text(out, R"({"name":)", model.name);
    put(out, R"(,"waiting":{},"lanes":{},"idle_lanes":{},"batch_max":{}}})", model.waiting,
        model.lanes, model.idle_lanes, model.batch_max);
  });
  put_number(out, R"(,"images_per_second":)", figures.images_per_second, 1);
  put_number(out, R"(,"batch_mean":)", figures.batch_mean, 2);
  put_number(out, R"(,"latency_ms":{"p50":)", figures.latency_ms_p50, 1);
  put_number(out, R"(,"p99":)", figures.latency_ms_p99, 1);
  put(out, R"(}},"memory_bytes":{},"memory_limit_bytes":{})", figures.memory_bytes,
      figures.memory_limit_bytes);
  put_number(out, R"(,"cpu_share":)", figures.cpu_share, 3);
  append_text(out, R"(,"sinks":)");
  put_list(out, sinks, [&](const SinkStatus& sink, std::size_t) {
    put_text(out, R"({"name":)", sink.name);
    put_text(out, R"(,"written":)", sink.written);
    put(out, R"(,"dropped":{},"waiting":{},"spooled":{})", sink.dropped, sink.waiting,
        sink.spooled);
    put_text_or_null(out, R"(,"error":)", sink.error);
    out.push_back('}');
  });
  out.push_back('}');
}

void append_frame_header(fmt::memory_buffer& out, const CameraResult& result, bool tracked,
                         TimePoint now) {
  const CameraIdentity& camera = *result.camera;
  put_text(out, R"({"type":"frame","camera":)", camera.name);
  put(out, R"(,"frame":{})", result.frame);
  put_time(out, R"(,"time":)", result.captured_at);
  put_number(out, R"(,"age_ms":)", to_milliseconds(now - result.captured), 1);
  put(out, R"(,"width":{},"height":{},"inferred":{},"tracks":)", result.outcome.size.width,
      result.outcome.size.height, result.inferred);
  if (tracked) {
    put_list(out, result.tracks, [&](const Track& track, std::size_t) {
      put_object(out, {track.id, track.class_id, track.confidence, track.box, track.zones,
                       track.carried}, camera);
    });
  } else {
    put_list(out, result.outcome.detections.items, [&](const Detection& seen, std::size_t) {
      put_object(out, {seen.track_id, seen.class_id, seen.confidence, seen.box, 0, false}, camera);
    });
  }
  append_text(out, R"(,"zone_counts":)");
  put_list(out, result.zone_counts,
           [&](std::uint32_t count, std::size_t) { put(out, "{}", count); });
  append_text(out, R"(,"line_counts":)");
  put_list(out, result.line_counts, [&](const LineCount& count, std::size_t) {
    put(out, "[{},{}]", count.forward, count.backward);
  });
  out.push_back('}');
}

}  // namespace shoal
