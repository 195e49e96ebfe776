// What a camera gives: the answer of one frame with its tracks and what happened in it, and alarms.
// The words between pipeline, track, sink and the page; data only.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/outcome.h"
#include "core/shared_pool.h"
#include "shoal/detection.h"

namespace shoal {

// Of the world, for people and other machines; decisions use TimePoint. UTC.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

// In shares of the picture, 0 to 1, y pointing down.
struct PicturePoint {
  float x = 0;
  float y = 0;
};

// What a camera is called and what its boxes mean. Made once a camera, shared by all that speak
// of it; a changed camera gets a new one.
struct CameraIdentity {
  std::uint64_t number = 0;  // unique in the run, never used again; also its scheduler source
  std::string name;
  std::vector<std::string> class_names;  // of its model
  std::vector<std::string> zones;        // by zone index
  std::vector<std::string> lines;        // by line index
  // For drawing, by the same indices; may be empty.
  std::vector<std::vector<PicturePoint>> zone_shapes = {};
  std::vector<std::array<PicturePoint, 2>> line_shapes = {};
};

// One object that is being followed, as of one frame.
struct Track {
  TrackId id{};
  Box<SourceSpace> box;        // clipped to the picture
  float confidence = 0;        // of the last detection that was matched
  float top_confidence = 0;    // highest so far
  std::int32_t class_id = 0;
  std::uint64_t zones = 0;     // bit i: the anchor point (bottom centre) is in zone i
  std::uint64_t entered = 0;   // bit i: was in zone i at any time
  WallTime first_seen{};
  Duration age{};              // since first seen
  bool stationary = false;     // has not moved for some time
  bool carried = false;        // not detected in this frame: predicted, or the frame was skipped
};

enum class TrackChange : std::uint8_t { kNew, kUpdate, kEnd };

// A track began, changed enough to tell (zones, best picture, stationary), or ended.
struct TrackEvent {
  TrackChange change = TrackChange::kNew;
  Track before;  // as told last time; for kNew the same as `after`
  Track after;
  // Of kNew, where a sink wants it: the frame as a JPEG about 320 pixels wide, with what is new in
  // it drawn.
  std::shared_ptr<const std::vector<std::uint8_t>> picture = nullptr;
};

enum class ZoneChange : std::uint8_t { kEnter, kLeave, kDwell };

struct ZoneEvent {
  ZoneChange change = ZoneChange::kEnter;
  std::int32_t zone = 0;
  TrackId track{};
  std::int32_t class_id = 0;
  Duration inside{};  // so far; of kLeave in all
};

// Seen from a line's `from` to its `to`, with y pointing down: kForward goes from the left side to
// the right side, i.e. the cross product (to - from) x (new - old) is positive.
enum class CrossingDirection : std::uint8_t { kForward, kBackward };

struct LineCrossing {
  std::int32_t line = 0;
  CrossingDirection direction = CrossingDirection::kForward;
  TrackId track{};
  std::int32_t class_id = 0;
};

struct LineCount {
  std::uint64_t forward = 0;  // since the camera began
  std::uint64_t backward = 0;
};

// One analysed frame of a camera. Recycled: writers overwrite every field, reuse capacities.
struct CameraResult {
  std::shared_ptr<const CameraIdentity> camera;
  std::uint64_t frame = 0;     // number among the frames the camera has decoded, from 0
  WallTime captured_at{};      // when the camera saw it
  TimePoint captured{};        // the same on our clock; age = now - captured
  bool inferred = true;        // false: the motion gate skipped it, tracks are carried on
  // Detections carry track ids; pixels are there where a sink or viewer wants them. `source` is
  // the camera's name, `stream` its number, `frame` as above.
  Outcome outcome;
  std::vector<Track> tracks;   // confirmed ones, also those without a detection in this frame
  std::vector<TrackEvent> track_events;
  std::vector<ZoneEvent> zone_events;
  std::vector<LineCrossing> crossings;
  std::vector<std::uint32_t> zone_counts;  // tracks inside now, by zone
  std::vector<LineCount> line_counts;      // by line
};
// All but the pixels, whose buffer `to` keeps; capacities are reused.
void copy_without_pixels(CameraResult& to, const CameraResult& from);

using CameraResultPool = SharedPool<CameraResult>;
using CameraResultLease = CameraResultPool::Lease;

// An alarm rule came true. Goes through the spool: delivered at least once, with this id.
struct Alarm {
  // Unique for ever, sortable by time: "<unix ms, 13 digits>-<camera>-<counter>". Receivers
  // recognise repetitions by it.
  std::string id;
  std::string rule;            // the rule's name, else its condition
  std::string camera;
  WallTime at{};               // captured_at of the frame that made it true
  std::uint64_t frame = 0;
  std::string message;         // for people: "2 x person in zone 'belt' for 0.5 s"
  std::string zone;            // "" where the condition names none
  struct Object {
    TrackId track{};
    std::string name;          // of its class
    float confidence = 0;
    Box<SourceSpace> box;
  };
  std::vector<Object> objects; // that made it true
  Size size;                   // of the frame
  std::string clip;            // path of the clip, relative to the recordings folder; "" for none
  // The drawn frame as a JPEG about 320 pixels wide, for the page and messages; empty where no
  // pixels were at hand.
  std::vector<std::uint8_t> thumbnail;
};

}  // namespace shoal
