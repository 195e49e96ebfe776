// Events and reviews, then counts, then stats. Field by field in the order in which Frigate writes
// them.
#include "sink/frigate_form.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/json_text.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

constexpr std::chrono::seconds kStatsEvery{15};
constexpr std::string_view kAll = "all";

double to_seconds(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// Frigate's ids are "<time of the start>-<six letters>". Ours end with the track's number, which
// is unique in the run; the time makes it so between runs.
std::string id_of(const Track& track) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string digits;
  for (auto rest = static_cast<std::uint32_t>(track.id); rest > 0 || digits.size() < 6;
       rest /= 36) {
    digits.insert(digits.begin(), kDigits[rest % 36]);
  }
  return fmt::format("{:.6f}-{}", to_seconds(track.first_seen), digits);
}

// When the frame was taken that a track is of.
WallTime seen_at(const Track& track) {
  return track.first_seen + std::chrono::duration_cast<std::chrono::nanoseconds>(track.age);
}

void append_time(fmt::memory_buffer& out, std::string_view key, WallTime time) {
  fmt::format_to(std::back_inserter(out), "{}{:.6f}", key, to_seconds(time));
}

void append_flag(fmt::memory_buffer& out, std::string_view key, bool value) {
  append_text(out, key);
  append_text(out, value ? "true" : "false");
}

void append_zones(fmt::memory_buffer& out, std::string_view key, const CameraIdentity& camera,
                  std::uint64_t zones) {
  append_text(out, key);
  bool first = true;
  for (std::size_t i = 0; i < camera.zones.size() && i < 64; ++i) {
    if ((zones >> i & 1) == 0) continue;
    if (!first) out.push_back(',');
    first = false;
    append_json_string(out, camera.zones[i]);
  }
  out.push_back(']');
}

// Whole pixels, as Frigate's.
struct PixelBox {
  std::int64_t x1, y1, x2, y2;
  explicit PixelBox(const Box<SourceSpace>& box)
      : x1(std::llround(box.x1)), y1(std::llround(box.y1)), x2(std::llround(box.x2)),
        y2(std::llround(box.y2)) {}
  [[nodiscard]] std::int64_t area() const { return (x2 - x1) * (y2 - y1); }
  [[nodiscard]] double ratio() const {
    return y2 > y1 ? static_cast<double>(x2 - x1) / static_cast<double>(y2 - y1) : 0.0;
  }
};

// A level of a topic: no separators, no wildcards.
std::string topic_level(std::string_view name) {
  std::string level(name);
  for (char& c : level) {
    if (c == '/' || c == '+' || c == '#' || static_cast<unsigned char>(c) < 0x20) c = '_';
  }
  return level;
}

std::string_view to_text(TrackChange change) {
  switch (change) {
    case TrackChange::kNew: return "new";
    case TrackChange::kUpdate: return "update";
    case TrackChange::kEnd: return "end";
  }
  return "update";
}

}  // namespace

FrigateForm::FrigateForm(std::string prefix, TimePoint now)
    : prefix_(std::move(prefix)), began_(now), last_stats_(now), reviews_(prefix_ + "/reviews") {}

// What belongs to one picture of an object: when, where, how sure.
void FrigateForm::append_snapshot(const Object& object, Size size) {
  if (!object.shown) return append_text(buffer_, "null");
  const Track& track = *object.shown;
  const PixelBox box(track.box);
  append_time(buffer_, R"({"frame_time":)", seen_at(track));
  fmt::format_to(std::back_inserter(buffer_),
                 R"(,"box":[{},{},{},{}],"area":{},"region":[0,0,{},{}],"score":)", box.x1, box.y1,
                 box.x2, box.y2, box.area(), size.width, size.height);
  append_json_number(buffer_, track.confidence, 6);
  append_text(buffer_, R"(,"attributes":[],"current_estimated_speed":0,"velocity_angle":0,)"
                       R"("path_data":[],"recognized_license_plate":null})");
}

void FrigateForm::append_object(const Object& object, const Track& track, TrackChange change,
                                bool before) {
  fmt::memory_buffer& out = buffer_;
  const PixelBox box(track.box);
  const CameraIdentity& camera = *object.camera;
  label_.clear();
  append_class_name(label_, camera.class_names, track.class_id);
  append_text(out, R"({"id":)");
  append_json_string(out, id_of(track));
  append_text(out, R"(,"camera":)");
  append_json_string(out, camera.name);
  append_time(out, R"(,"frame_time":)", seen_at(track));
  append_text(out, R"(,"snapshot":)");
  append_snapshot(object, object.size);
  append_text(out, R"(,"label":)");
  append_json_string(out, label_);
  append_text(out, R"(,"sub_label":null,"top_score":)");
  append_json_number(out, track.top_confidence, 6);
  // What is new was not known to be true before.
  append_flag(out, R"(,"false_positive":)", before && change == TrackChange::kNew);
  append_time(out, R"(,"start_time":)", track.first_seen);
  append_text(out, R"(,"end_time":)");
  if (change == TrackChange::kEnd && !before) {
    append_time(out, "", object.captured_at);
  } else {
    append_text(out, "null");
  }
  append_text(out, R"(,"score":)");
  append_json_number(out, track.confidence, 6);
  append_text(out, R"(,"computed_score":)");
  append_json_number(out, track.confidence, 6);
  fmt::format_to(std::back_inserter(out), R"(,"box":[{},{},{},{}],"area":{},"ratio":)", box.x1,
                 box.y1, box.x2, box.y2, box.area());
  append_json_number(out, box.ratio(), 6);
  fmt::format_to(std::back_inserter(out), R"(,"region":[0,0,{},{}])", object.size.width,
                 object.size.height);
  append_flag(out, R"(,"active":)", !track.stationary);
  append_flag(out, R"(,"stationary":)", track.stationary);
  append_text(out, R"(,"motionless_count":0,"position_changes":0)");
  append_zones(out, R"(,"current_zones":[)", camera, track.zones);
  append_zones(out, R"(,"entered_zones":[)", camera, track.entered);
  append_flag(out, R"(,"has_clip":)", object.clip);
  append_flag(out, R"(,"has_snapshot":)", object.shown.has_value());
  append_flag(out, R"(,"snapshot_clean":)", false);
  fmt::format_to(std::back_inserter(out),
                 R"(,"attributes":{{}},"current_attributes":[],"pending_loitering":false,)"
                 R"("max_severity":"{}","current_estimated_speed":0,"average_estimated_speed":0,)"
                 R"("velocity_angle":0,"path_data":[],"recognized_license_plate":null}})",
                 object.alert ? "alert" : "detection");
}

void FrigateForm::add_event(MessageBatch& out, const Object& before, const Track& track_before,
                            const Object& after, TrackChange change) {
  buffer_.clear();
  append_text(buffer_, R"({"before":)");
  append_object(before, track_before, change, true);
  append_text(buffer_, R"(,"after":)");
  append_object(after, after.track, change, false);
  fmt::format_to(std::back_inserter(buffer_), R"(,"type":"{}"}})", to_text(change));
  Message& message = out.add();
  message.topic = prefix_ + "/events";
  message.payload = view_of(buffer_);
}

// As Frigate does: the last picture of each label of a camera stays with the broker.
void FrigateForm::add_snapshot(MessageBatch& out, std::string_view camera, std::string_view label,
                               std::span<const std::uint8_t> jpeg) {
  Message& message = out.add();
  message.topic = fmt::format("{}/{}/{}/snapshot", prefix_, topic_level(camera),
                              topic_level(label));
  message.payload.assign(jpeg.begin(), jpeg.end());
  message.retain = true;
}

void FrigateForm::add_track_event(MessageBatch& out, const CameraResult& result,
                                  const TrackEvent& event) {
  const ObjectKey key{result.camera->name, event.after.id};
  Object& object = objects_[key];
  object.camera = result.camera;
  object.size = result.outcome.size;
  object.captured_at = result.captured_at;
  Object before = object;
  if (!object.told) {  // what an alarm said of it nobody has heard yet
    before.shown.reset();
    before.clip = before.alert = false;
    if (object.shown) object.shown = event.after;
  }
  object.told = true;
  object.track = event.after;
  if (event.picture) {
    label_.clear();
    append_class_name(label_, result.camera->class_names, event.after.class_id);
    add_snapshot(out, result.camera->name, label_, *event.picture);
    object.shown = event.after;
  }
  add_event(out, before, event.before, object, event.change);
  if (event.change == TrackChange::kEnd) objects_.erase(key);
}

void FrigateForm::add_alarm(MessageBatch& out, const Alarm& alarm) {
  constexpr std::size_t kObjectsMax = 4096;
  std::vector<ReviewObject> reviewed;
  for (const Alarm::Object& shown : alarm.objects) {
    const ObjectKey key{alarm.camera, shown.track};
    // An alarm may come before its track's event, or when the track has ended and nothing of it is
    // told any more.
    if (objects_.size() >= kObjectsMax) {
      std::erase_if(objects_, [](const auto& one) { return !one.second.told; });
    }
    Object& object = objects_[key];
    const Object before = object;
    object.alert = true;
    object.clip = object.clip || !alarm.clip.empty();
    if (!alarm.thumbnail.empty()) {
      add_snapshot(out, alarm.camera, shown.name, alarm.thumbnail);
      if (!object.shown) object.shown = object.track;
    }
    if (!object.told) continue;
    reviewed.push_back({id_of(object.track), shown.name});
    if (before.alert && before.clip == object.clip && before.shown && object.shown) continue;
    add_event(out, before, object.track, object, TrackChange::kUpdate);
  }
  reviews_.add_alarm(out, alarm, reviewed);
}

// What moves in the picture now.
void FrigateForm::review(MessageBatch& out, const CameraResult& result) {
  std::vector<ReviewObject> active;
  std::uint64_t zones = 0;
  for (const Track& track : result.tracks) {
    if (track.stationary || !objects_.contains({result.camera->name, track.id})) continue;
    label_.clear();
    append_class_name(label_, result.camera->class_names, track.class_id);
    active.push_back({id_of(track), label_});
    zones |= track.zones;
  }
  reviews_.add_result(out, result, active, zones);
}

void FrigateForm::count(Camera& camera, const CameraResult& result) {
  const auto begin = [](Counts& counts) {
    for (auto& [label, count] : counts) count.now = count.active = 0;
    counts.try_emplace(std::string(kAll));
  };
  const auto add = [](Counts& counts, const std::string& label, bool active) {
    for (Count* count : {&counts[label], &counts.find(kAll)->second}) {
      ++count->now;
      if (active) ++count->active;
    }
  };
  begin(camera.labels);
  for (const std::string& zone : result.camera->zones) begin(camera.zones[zone]);
  for (const Track& track : result.tracks) {
    label_.clear();
    append_class_name(label_, result.camera->class_names, track.class_id);
    add(camera.labels, label_, !track.stationary);
    for (std::size_t i = 0; i < result.camera->zones.size() && i < 64; ++i) {
      if ((track.zones >> i & 1) == 0) continue;
      add(camera.zones[result.camera->zones[i]], label_, !track.stationary);
    }
  }
}

void FrigateForm::add_count(MessageBatch& out, std::string_view place, std::string_view label,
                            std::string_view suffix, std::uint64_t count) {
  Message& message = out.add();
  message.topic = fmt::format("{}/{}/{}{}", prefix_, topic_level(place), topic_level(label),
                              suffix);
  message.payload = std::to_string(count);
}

void FrigateForm::add_counts(MessageBatch& out, Camera& camera, const std::string& name) {
  for (auto& [label, count] : camera.labels) {
    if (count.told != count.now) {
      add_count(out, name, label, "", count.now);
      count.told = count.now;
    }
    if (count.told_active != count.active) {
      add_count(out, name, label, "/active", count.active);
      count.told_active = count.active;
    }
  }
}

void FrigateForm::add_zone_counts(MessageBatch& out, const Camera& camera) {
  for (const auto& [zone, counts] : camera.zones) {
    for (const auto& [label, unused] : counts) {
      std::int64_t sum = 0;
      for (const auto& [name, other] : cameras_) {
        const auto its_zone = other.zones.find(zone);
        if (its_zone == other.zones.end()) continue;
        const auto its_count = its_zone->second.find(label);
        if (its_count != its_zone->second.end()) sum += its_count->second.now;
      }
      auto& told = zones_told_.try_emplace({zone, label}, -1).first->second;
      if (told == sum) continue;
      told = sum;
      add_count(out, zone, label, "", static_cast<std::uint64_t>(sum));
    }
  }
}

void FrigateForm::add_result(MessageBatch& out, const CameraResult& result) {
  for (const TrackEvent& event : result.track_events) add_track_event(out, result, event);
  review(out, result);
  Camera& camera = cameras_[result.camera->name];
  if (camera.results == 0) camera.first_frame = result.frame;
  camera.last_frame = result.frame;
  ++camera.results;
  if (result.inferred) {
    ++camera.inferred;
    camera.inference += result.outcome.times.inference;
  }
  count(camera, result);
  add_counts(out, camera, result.camera->name);
  add_zone_counts(out, camera);
}

void FrigateForm::tell_again() {
  for (auto& [name, camera] : cameras_) {
    for (auto& [label, count] : camera.labels) count.told = count.told_active = -1;
  }
  zones_told_.clear();
}

void FrigateForm::add_stats(MessageBatch& out, TimePoint now, WallTime wall) {
  if (now - last_stats_ < kStatsEvery) return;
  const double seconds = std::chrono::duration<double>(now - last_stats_).count();
  last_stats_ = now;
  double detections = 0;
  double inference_ms = 0;
  buffer_.clear();
  append_text(buffer_, R"({"cameras":{)");
  bool first = true;
  for (auto& [name, camera] : cameras_) {
    const double processed = static_cast<double>(camera.results) / seconds;
    const double inferred = static_cast<double>(camera.inferred) / seconds;
    // Frames between the first and the last result, that one included.
    const double received =
        camera.results == 0 || camera.last_frame < camera.first_frame
            ? processed
            : static_cast<double>(camera.last_frame - camera.first_frame + 1) / seconds;
    detections += static_cast<double>(camera.inferred);
    inference_ms += to_milliseconds(camera.inference);
    if (!first) buffer_.push_back(',');
    first = false;
    append_json_string(buffer_, name);
    fmt::format_to(std::back_inserter(buffer_),
                   R"(:{{"camera_fps":{:.1f},"process_fps":{:.1f},"skipped_fps":{:.1f},)"
                   R"("detection_fps":{:.1f},"detection_enabled":true}})",
                   received, processed, received - processed, inferred);
    camera.results = camera.inferred = 0;
    camera.inference = {};
  }
  fmt::format_to(
      std::back_inserter(buffer_),
      R"(}},"detectors":{{"shoal":{{"inference_speed":{:.2f},"detection_start":0.0,"pid":{}}}}},)"
      R"("detection_fps":{:.1f},"service":{{"uptime":{},"last_updated":{},"storage":{{}}}}}})",
      detections > 0 ? inference_ms / detections : 0.0, ::getpid(), detections / seconds,
      std::chrono::duration_cast<std::chrono::seconds>(now - began_).count(),
      static_cast<std::int64_t>(to_seconds(wall)));
  Message& message = out.add();
  message.topic = prefix_ + "/stats";
  message.payload = view_of(buffer_);
}

}  // namespace shoal
