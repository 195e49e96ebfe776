// Keys stand in the order of docs/cameras-api.md.
#include "core/alarm_json.h"

#include <cstdint>
#include <iterator>
#include <string_view>

#include "core/json_text.h"
#include "core/wall_time.h"

namespace shoal {
namespace {

void append_key(fmt::memory_buffer& out, std::string_view key, std::string_view text) {
  append_text(out, key);
  append_json_string(out, text);
}

void append_object(fmt::memory_buffer& out, const Alarm::Object& object) {
  fmt::format_to(std::back_inserter(out), R"({{"track_id":{},"name":)",
                 static_cast<std::uint32_t>(object.track));
  append_json_string(out, object.name);
  append_text(out, R"(,"confidence":)");
  append_json_number(out, object.confidence, 4);
  append_text(out, R"(,"box":)");
  append_json_box(out, object.box);
  out.push_back('}');
}

// Bytes that would end a path's segment or the path are percent-encoded (RFC 3986).
std::string path_segment(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string segment;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      segment.push_back(c);
    } else {
      segment += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return segment;
}

void append_link(fmt::memory_buffer& out, const Alarm& alarm, bool there, std::string_view file) {
  if (!there) {
    append_text(out, "null");
    return;
  }
  append_json_string(out, fmt::format("/api/v1/alarms/{}/{}", path_segment(alarm.id), file));
}

}  // namespace

void append_alarm_json(fmt::memory_buffer& out, const Alarm& alarm, bool links, bool clip_ready) {
  append_key(out, R"({"id":)", alarm.id);
  append_key(out, R"(,"rule":)", alarm.rule);
  append_key(out, R"(,"camera":)", alarm.camera);
  append_text(out, R"(,"time":")");
  append_wall_time(out, alarm.at);
  fmt::format_to(std::back_inserter(out), R"(","frame":{},"message":)", alarm.frame);
  append_json_string(out, alarm.message);
  append_key(out, R"(,"zone":)", alarm.zone);
  fmt::format_to(std::back_inserter(out), R"(,"width":{},"height":{},"objects":[)",
                 alarm.size.width, alarm.size.height);
  for (std::size_t i = 0; i < alarm.objects.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_object(out, alarm.objects[i]);
  }
  out.push_back(']');
  if (links) {
    append_text(out, R"(,"thumbnail":)");
    append_link(out, alarm, !alarm.thumbnail.empty(), "thumbnail.jpg");
    append_text(out, R"(,"clip":)");
    append_link(out, alarm, !alarm.clip.empty(), "clip.mp4");
    append_text(out, clip_ready && !alarm.clip.empty() ? R"(,"clip_ready":true)"
                                                       : R"(,"clip_ready":false)");
  }
  out.push_back('}');
}

std::string alarm_json(const Alarm& alarm, bool links, bool clip_ready) {
  fmt::memory_buffer out;
  append_alarm_json(out, alarm, links, clip_ready);
  return std::string(view_of(out));
}

}  // namespace shoal
