// Results as Frigate tells them over MQTT, so that what listens to Frigate (Home Assistant
// automations, notifiers) works as it is. Topics and fields by Frigate's documentation, "MQTT", and
// what its 0.14 to 0.17 send: events, reviews, snapshots, stats, counts of objects by camera and by
// zone. Pure: the broker and `available` are mqtt_sink.cpp's. What Shoal does not have is left at
// Frigate's "nothing": no sub-labels, no attributes, no speeds; the region is the whole picture.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/camera_result.h"
#include "core/clock.h"
#include "sink/frigate_reviews.h"
#include "sink/message_batch.h"

namespace shoal {

// Threads  one at a time.
class FrigateForm {
 public:
  // `prefix` is of all topics, as "frigate".
  FrigateForm(std::string prefix, TimePoint now);

  // Adds PREFIX/events for each track event, the picture of one that begins as
  // PREFIX/CAMERA/LABEL/snapshot, PREFIX/reviews, and those of the counts that have changed:
  // PREFIX/CAMERA/LABEL, .../LABEL/active, PREFIX/CAMERA/all, .../all/active, PREFIX/ZONE/LABEL
  // and PREFIX/ZONE/all (a zone counts over all cameras that have one of this name).
  void add_result(MessageBatch& out, const CameraResult& result);

  // Adds the alarm's picture as the snapshot of its objects, an update of their events where that
  // or the clip is new to them, and PREFIX/reviews.
  void add_alarm(MessageBatch& out, const Alarm& alarm);

  // Nobody heard the last counts: all are told again with the next result.
  void tell_again();

  // Adds PREFIX/stats when it is due, every 15 s.
  void add_stats(MessageBatch& out, TimePoint now, WallTime wall);

 private:
  struct Count {
    std::uint32_t now = 0;  // being counted
    std::uint32_t active = 0;
    std::int64_t told = -1;
    std::int64_t told_active = -1;
  };
  using Counts = std::map<std::string, Count, std::less<>>;  // by label, "all" among them
  struct Camera {
    Counts labels;
    std::map<std::string, Counts, std::less<>> zones;
    std::uint64_t results = 0;  // since the last stats
    std::uint64_t inferred = 0;
    std::uint64_t first_frame = 0;
    std::uint64_t last_frame = 0;
    Duration inference{};
  };

  using ObjectKey = std::pair<std::string, TrackId>;  // camera
  // A track as it was told last, and what there is to see of it.
  struct Object {
    std::shared_ptr<const CameraIdentity> camera;
    Size size;                // of the picture
    WallTime captured_at{};
    Track track;
    std::optional<Track> shown = std::nullopt;  // as of its snapshot, where there is one
    bool told = false;        // by an event: an alarm may come before
    bool clip = false;
    bool alert = false;       // an alarm was raised by it
  };

  void add_track_event(MessageBatch& out, const CameraResult& result, const TrackEvent& event);
  void add_event(MessageBatch& out, const Object& before, const Track& track_before,
                 const Object& after, TrackChange change);
  void add_snapshot(MessageBatch& out, std::string_view camera, std::string_view label,
                    std::span<const std::uint8_t> jpeg);
  void append_object(const Object& object, const Track& track, TrackChange change, bool before);
  void append_snapshot(const Object& object, Size size);
  void review(MessageBatch& out, const CameraResult& result);
  void count(Camera& camera, const CameraResult& result);
  void add_counts(MessageBatch& out, Camera& camera, const std::string& name);
  void add_zone_counts(MessageBatch& out, const Camera& camera);
  void add_count(MessageBatch& out, std::string_view place, std::string_view label,
                 std::string_view suffix, std::uint64_t count);

  const std::string prefix_;
  const TimePoint began_;
  TimePoint last_stats_;
  std::map<std::string, Camera, std::less<>> cameras_;
  std::map<std::pair<std::string, std::string>, std::int64_t> zones_told_;  // zone, label
  std::map<ObjectKey, Object> objects_;  // whose tracks have not ended
  FrigateReviews reviews_;
  fmt::memory_buffer buffer_;
  std::string label_;
};

}  // namespace shoal
