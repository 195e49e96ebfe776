// One function a part of the object, in the order of its keys.
#include "sink/camera_json.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "core/json_text.h"
#include "core/wall_time.h"
#include "sink/answer_json.h"

namespace shoal {
namespace {

// The name of a zone or line; an index that has none stands for itself.
void append_name(fmt::memory_buffer& out, const std::vector<std::string>& names,
                 std::size_t index) {
  if (index < names.size()) {
    append_json_string(out, names[index]);
  } else {
    fmt::format_to(std::back_inserter(out), R"("{}")", index);
  }
}

std::size_t index_of(std::int32_t index) { return static_cast<std::size_t>(std::max(index, 0)); }

void append_separator(fmt::memory_buffer& out) {
  if (out.data()[out.size() - 1] != '[') out.push_back(',');
}

// The names of the zones that a track is in: "zones":["belt"].
void append_zones_of(fmt::memory_buffer& out, const CameraResult& result, TrackId id) {
  append_text(out, R"(,"zones":[)");
  const auto track = std::find_if(result.tracks.begin(), result.tracks.end(),
                                  [id](const Track& candidate) { return candidate.id == id; });
  if (track != result.tracks.end()) {
    for (std::size_t zone = 0; zone < 64; ++zone) {
      if ((track->zones >> zone & 1U) == 0) continue;
      append_separator(out);
      append_name(out, result.camera->zones, zone);
    }
  }
  out.push_back(']');
}

void append_detections(fmt::memory_buffer& out, const CameraResult& result, std::string& label) {
  append_text(out, R"(,"detections":[)");
  for (const Detection& detection : result.outcome.detections.items) {
    append_separator(out);
    append_detection_members(out, detection, result.camera->class_names, label);
    if (detection.track_id && !result.camera->zones.empty()) {
      append_zones_of(out, result, *detection.track_id);
    }
    out.push_back('}');
  }
  append_text(out, result.outcome.detections.truncated ? R"(],"truncated":true)"
                                                       : R"(],"truncated":false)");
}

void append_counts(fmt::memory_buffer& out, const CameraResult& result) {
  if (!result.zone_counts.empty()) {
    append_text(out, R"(,"zones":[)");
    for (std::size_t zone = 0; zone < result.zone_counts.size(); ++zone) {
      append_separator(out);
      append_text(out, R"({"name":)");
      append_name(out, result.camera->zones, zone);
      fmt::format_to(std::back_inserter(out), R"(,"count":{}}})", result.zone_counts[zone]);
    }
    out.push_back(']');
  }
  if (!result.line_counts.empty()) {
    append_text(out, R"(,"lines":[)");
    for (std::size_t line = 0; line < result.line_counts.size(); ++line) {
      append_separator(out);
      append_text(out, R"({"name":)");
      append_name(out, result.camera->lines, line);
      fmt::format_to(std::back_inserter(out), R"(,"forward":{},"backward":{}}})",
                     result.line_counts[line].forward, result.line_counts[line].backward);
    }
    out.push_back(']');
  }
}

std::string_view change_text(ZoneChange change) {
  switch (change) {
    case ZoneChange::kEnter: return "enter";
    case ZoneChange::kLeave: return "leave";
    case ZoneChange::kDwell: return "dwell";
  }
  return "enter";
}

// What happened in this frame; no key where nothing did.
void append_events(fmt::memory_buffer& out, const CameraResult& result) {
  if (result.zone_events.empty() && result.crossings.empty()) return;
  append_text(out, R"(,"events":[)");
  for (const ZoneEvent& event : result.zone_events) {
    append_separator(out);
    fmt::format_to(std::back_inserter(out), R"({{"type":"{}","zone":)", change_text(event.change));
    append_name(out, result.camera->zones, index_of(event.zone));
    fmt::format_to(std::back_inserter(out), R"(,"track_id":{},"class":{},"inside_ms":{}}})",
                   static_cast<std::uint32_t>(event.track), event.class_id,
                   std::chrono::duration_cast<std::chrono::milliseconds>(event.inside).count());
  }
  for (const LineCrossing& crossing : result.crossings) {
    append_separator(out);
    append_text(out, R"({"type":"cross","line":)");
    append_name(out, result.camera->lines, index_of(crossing.line));
    fmt::format_to(std::back_inserter(out), R"(,"direction":"{}","track_id":{},"class":{}}})",
                   crossing.direction == CrossingDirection::kForward ? "forward" : "backward",
                   static_cast<std::uint32_t>(crossing.track), crossing.class_id);
  }
  out.push_back(']');
}

}  // namespace

void append_camera_json(fmt::memory_buffer& out, const CameraResult& result, std::string& label) {
  const Outcome& outcome = result.outcome;
  append_text(out, R"({"camera":)");
  append_json_string(out, result.camera->name);
  append_text(out, R"(,"source":)");
  append_json_string(out, result.camera->name);
  append_text(out, R"(,"time":")");
  append_wall_time(out, result.captured_at);
  fmt::format_to(std::back_inserter(out), R"(","frame":{},"inferred":{})", result.frame,
                 result.inferred);
  if (outcome.error) {
    out.push_back(',');
    append_error_member(out, *outcome.error);
    append_counts(out, result);
    append_events(out, result);
    out.push_back('}');
    return;
  }
  fmt::format_to(std::back_inserter(out), R"(,"width":{},"height":{})", outcome.size.width,
                 outcome.size.height);
  append_detections(out, result, label);
  append_counts(out, result);
  append_events(out, result);
  if (outcome.damaged) {
    append_text(out, R"(,"damaged":)");
    append_json_string(out, *outcome.damaged);
  }
  if (result.inferred) {
    fmt::format_to(std::back_inserter(out), R"(,"batch_size":{},"timing_ms":)",
                   outcome.batch_size);
    append_times_json(out, outcome.times);
  }
  out.push_back('}');
}

}  // namespace shoal
