// For this folder's tests: results of cameras as a site would hand them to sinks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/camera_result.h"
#include "sink/outcome_for_test.h"

namespace shoal {

inline const WallTime kTestTime(std::chrono::milliseconds(1'795'248'000'000));  // 08:00:00 UTC

inline std::shared_ptr<const CameraIdentity> test_camera(
    std::string name, std::uint64_t number = 1,
    std::vector<std::string> classes = {"open", "short"}) {
  auto camera = std::make_shared<CameraIdentity>();
  camera->number = number;
  camera->name = std::move(name);
  camera->class_names = std::move(classes);
  camera->zones = {"belt", "exit \"B\""};
  camera->lines = {"gate"};
  return camera;
}

// A frame `at` after kTestTime, with one object of track 7 in zone 0.
inline void fill_result(CameraResult& result, std::shared_ptr<const CameraIdentity> camera,
                        std::uint64_t frame, std::chrono::milliseconds at, Size size = {64, 48}) {
  result.camera = std::move(camera);
  result.frame = frame;
  result.captured_at = kTestTime + at;
  result.captured = TimePoint(at);
  result.inferred = true;
  result.outcome.source = result.camera->name;
  result.outcome.frame = FrameId{frame};
  result.outcome.media_time = at;
  result.outcome.size = size;
  result.outcome.error.reset();
  result.outcome.batch_size = 1;
  result.outcome.detections.items = {{.box = {1, 2, 30.5F, 40},
                                      .confidence = 0.91F,
                                      .class_id = 1,
                                      .track_id = TrackId{7}}};
  Track track;
  track.id = TrackId{7};
  track.box = {1, 2, 30.5F, 40};
  track.class_id = 1;
  track.zones = 1;
  track.entered = 1;
  track.top_confidence = 0.95F;
  track.first_seen = kTestTime;
  result.tracks = {track};
  result.track_events.clear();
  result.zone_events.clear();
  result.crossings.clear();
  result.zone_counts = {1, 0};
  result.line_counts = {{.forward = 12, .backward = 3}};
}

inline Alarm test_alarm(const std::string& camera, int number,
                        std::chrono::milliseconds at = std::chrono::milliseconds(0)) {
  Alarm alarm;
  alarm.at = kTestTime + at;
  alarm.id = std::to_string(1'795'248'000'000 + at.count()) + "-" + camera + "-" +
             std::to_string(number);
  alarm.rule = "short on the belt";
  alarm.camera = camera;
  alarm.frame = 412;
  alarm.message = "1 x short in zone 'belt' for 0.5 s";
  alarm.zone = "belt";
  alarm.size = {64, 48};
  alarm.objects = {{TrackId{7}, "short", 0.91F, {1, 2, 30.5F, 40}}};
  return alarm;
}

}  // namespace shoal
