// What happens in front of one camera: filters, tracks, zones and lines of one frame after the
// other. Alarm rules (alarm_rule.h) read what it fills in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/camera_result.h"
#include "shoal/result.h"

namespace shoal {

// In shares of the picture, 0 to 1, y down.
struct ScenePoint {
  double x = 0;
  double y = 0;
};
using ScenePolygon = std::vector<ScenePoint>;  // at least 3 points, may cross itself: even-odd

struct SceneZone {
  ScenePolygon polygon;
  std::vector<std::int32_t> classes;  // class ids; empty: all
  Duration dwell{};                   // > 0: a dwell event once that long inside
};

struct SceneLine {
  ScenePoint from;
  ScenePoint to;
  std::vector<std::int32_t> classes;
};

// ByteTrack's thresholds (Zhang et al., "ByteTrack", ECCV 2022), by time and not by frames, as
// cameras' rates differ and change.
struct TrackerOptions {
  float high = 0.5F;          // detections above it are matched first and may begin tracks
  float low = 0.1F;           // those between are matched second, to tracks that would be lost
  float begin = 0.6F;         // least confidence of a new track
  float match = 0.8F;         // largest cost (1 - IoU, fused with the score) of a first match
  Duration lost_max = std::chrono::seconds(1);  // a lost track is remembered so long
};

struct SceneOptions {
  bool track = true;                  // false: detections are filtered, nothing is followed
  TrackerOptions tracker;
  std::vector<std::int32_t> classes;  // only these; empty: all
  std::optional<float> confidence;    // only detections above it
  ScenePolygon region;                // of interest: only detections with the anchor inside
  std::vector<ScenePolygon> masks;    // detections whose anchor is inside are dropped
  std::vector<SceneZone> zones;       // at most 64
  std::vector<SceneLine> lines;
  Duration stationary_after = std::chrono::seconds(5);
  // Next free track id: unique in the run, so one counter for all cameras. Called once a track.
  std::function<TrackId()> next_id;
};

// The anchor of a box in zones and lines is the middle of its lower edge: where things stand.
//
// Threads  one at a time. Cost  no allocation per frame once vectors have grown.
class Scene {
 public:
  // Errors   invalid_argument: fewer than 3 points, more than 64 zones, a point outside [0, 1].
  [[nodiscard]] static Result<std::unique_ptr<Scene>> create(SceneOptions options);
  virtual ~Scene() = default;

  // Reads result.outcome (detections, size), captured and captured_at; filters the detections,
  // gives them their track ids and fills tracks, track_events, zone_events, crossings, zone_counts
  // and line_counts. REQUIRES: captured does not go back from one call to the next.
  virtual void update(CameraResult& result) = 0;
  // The same for a frame that the motion gate skipped, or whose inference failed: there are no
  // detections; tracks stay where they are (a skipped frame is one in which nothing moved), zones'
  // clocks run on, and detections are filled from the tracks.
  virtual void carry(CameraResult& result) = 0;
  // The camera was away or changed: every track ends with a kEnd event, counts stay.
  virtual void end_tracks(CameraResult& result) = 0;
};

}  // namespace shoal
