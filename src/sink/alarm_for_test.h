// Alarms and results with every field set, for tests of the spool and of messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/camera_result.h"

namespace shoal {

inline WallTime wall_time_for_test() {
  return std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8);
}

inline Alarm alarm_for_test(std::uint64_t number, std::size_t thumbnail_bytes = 40) {
  Alarm alarm;
  alarm.id = "1795248000000-line-1-" + std::to_string(number);
  alarm.rule = "short on the belt";
  alarm.camera = "line-1";
  alarm.at = wall_time_for_test() + std::chrono::milliseconds(number);
  alarm.frame = 412 + number;
  alarm.message = "1 x short in zone 'belt' for 0.5 s";
  alarm.zone = "belt";
  alarm.objects = {{TrackId{17}, "short", 0.91F, {1.0F, 2.0F, 30.0F, 40.0F}},
                   {TrackId{18}, "open", 0.5F, {0.0F, 0.5F, 1279.5F, 720.0F}}};
  alarm.size = {1280, 720};
  alarm.clip = "line-1/" + alarm.id + ".mp4";
  for (std::size_t i = 0; i < thumbnail_bytes; ++i) {
    alarm.thumbnail.push_back(static_cast<std::uint8_t>(i * 7 + number));
  }
  return alarm;
}

inline bool same_alarm(const Alarm& a, const Alarm& b) {
  if (a.objects.size() != b.objects.size()) return false;
  for (std::size_t i = 0; i < a.objects.size(); ++i) {
    const auto& x = a.objects[i];
    const auto& y = b.objects[i];
    if (x.track != y.track || x.name != y.name || x.confidence != y.confidence ||
        !(x.box == y.box)) {
      return false;
    }
  }
  return a.id == b.id && a.rule == b.rule && a.camera == b.camera && a.at == b.at &&
         a.frame == b.frame && a.message == b.message && a.zone == b.zone && a.size == b.size &&
         a.clip == b.clip && a.thumbnail == b.thumbnail;
}

inline std::shared_ptr<const CameraIdentity> identity_for_test() {
  return std::make_shared<const CameraIdentity>(CameraIdentity{
      .number = 7, .name = "line-1", .class_names = {"open", "short"}, .zones = {"belt", "gate"},
      .lines = {"exit"}});
}

inline Track track_for_test(std::uint32_t id) {
  Track track;
  track.id = TrackId{id};
  track.box = {10.4F, 20.6F, 110.0F, 220.0F};
  track.confidence = 0.875F;
  track.top_confidence = 0.9375F;
  track.class_id = 1;
  track.zones = 0b01;
  track.entered = 0b11;
  track.first_seen = wall_time_for_test();
  track.age = std::chrono::milliseconds(1500);
  return track;
}

// One track, one detection, one event of each kind.
inline void fill_result_for_test(CameraResult& result, std::uint64_t frame) {
  result.camera = identity_for_test();
  result.frame = frame;
  result.captured_at = wall_time_for_test() + std::chrono::milliseconds(40 * frame);
  result.captured = TimePoint{};
  result.inferred = true;
  result.outcome.source = "line-1";
  result.outcome.stream = StreamId{7};
  result.outcome.frame = FrameId{frame};
  result.outcome.size = {1280, 720};
  result.outcome.error.reset();
  result.outcome.damaged.reset();
  result.outcome.detections.truncated = false;
  result.outcome.detections.items = {
      {{10.4F, 20.6F, 110.0F, 220.0F}, 0.875F, 1, TrackId{3}}};
  result.tracks = {track_for_test(3)};
  result.track_events = {{TrackChange::kNew, track_for_test(3), track_for_test(3)}};
  result.zone_events = {
      {ZoneChange::kEnter, 0, TrackId{3}, 1, std::chrono::milliseconds(0)}};
  result.crossings = {{0, CrossingDirection::kForward, TrackId{3}, 1}};
  result.zone_counts = {1, 0};
  result.line_counts = {{12, 1}};
}

}  // namespace shoal
