// Filters, then the tracker, then what every track did.
#include "track/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "track/byte_tracker.h"
#include "track/geometry.h"
#include "track/line_watch.h"
#include "track/zone_watch.h"

namespace shoal {
namespace {

constexpr std::size_t kZonesMax = 64;

// A box trembles by a few hundredths of its height; less than that is no movement.
constexpr double kMarginShare = 0.05;
constexpr double kMarginLeast = 1.0;  // pixels
double margin_of(const Box<SourceSpace>& box) {
  return std::max(kMarginLeast, kMarginShare * static_cast<double>(box.height()));
}

// An object has moved when its centre is further from where it stood than these shares of its
// box's longer side: the second to set a stationary one going again.
constexpr double kMoved = 0.15;
constexpr double kMovedAway = 0.3;

// So much better a picture is worth an update.
constexpr float kBetterPicture = 0.05F;

Box<SourceSpace> clipped(const Box<SourceSpace>& box, Size picture) {
  const auto width = static_cast<float>(picture.width);
  const auto height = static_cast<float>(picture.height);
  return {std::clamp(box.x1, 0.0F, width), std::clamp(box.y1, 0.0F, height),
          std::clamp(box.x2, 0.0F, width), std::clamp(box.y2, 0.0F, height)};
}

bool has_class(std::span<const std::int32_t> classes, std::int32_t class_id) {
  return classes.empty() || std::find(classes.begin(), classes.end(), class_id) != classes.end();
}

// Where an object stood, and since when.
struct Standing {
  double x = 0;
  double y = 0;
  TimePoint since{};
};

// What is known of one track beside the tracker's filter; lives in the tracker's slot.
struct TrackRecord {
  bool in_use = false;
  Track now;
  Track told;
  ZoneWatch zones;
  LineWatch lines;
  Standing standing;
};

class CameraScene final : public Scene {
 public:
  explicit CameraScene(SceneOptions options)
      : options_(std::move(options)), line_counts_(options_.lines.size()) {
    if (options_.track) tracker_.emplace(options_.tracker, options_.next_id);
  }

  void update(CameraResult& result) override {
    if (result.outcome.error) return carry(result);
    clear(result);
    auto& detections = result.outcome.detections.items;
    filter(detections, result.outcome.size);
    if (!tracker_) {
      for (Detection& detection : detections) detection.track_id.reset();
      last_detections_ = detections;
      return;
    }
    tracker_->update(detections, result.captured);
    end_forgotten(result);
    make_room();
    for (const FollowedObject& object : tracker_->objects()) {
      if (object.state != FollowState::kUnconfirmed) follow(object, result);
    }
    finish(result);
  }

  void carry(CameraResult& result) override {
    clear(result);
    const bool failed = result.outcome.error.has_value();
    auto& detections = result.outcome.detections.items;
    detections.clear();
    result.outcome.detections.truncated = false;
    if (!tracker_) {
      if (!failed) detections = last_detections_;
      return;
    }
    // Of a failed frame nobody knows what moved in it: the time up to the next one passes then.
    if (!failed) tracker_->hold(result.captured);
    for (const FollowedObject& object : tracker_->objects()) {
      if (object.state == FollowState::kUnconfirmed) continue;
      TrackRecord& record = record_of(object);
      record.now.carried = true;
      grow_older(record, object, result);
      if (!failed && object.state == FollowState::kTracked) {
        detections.push_back({.box = record.now.box, .confidence = record.now.confidence,
                              .class_id = record.now.class_id, .track_id = record.now.id});
      }
    }
    std::sort(detections.begin(), detections.end(), [](const Detection& a, const Detection& b) {
      if (a.confidence != b.confidence) return a.confidence > b.confidence;
      return *a.track_id < *b.track_id;
    });
    finish(result);
  }

  void end_tracks(CameraResult& result) override {
    clear(result);
    last_detections_.clear();
    if (tracker_) {
      tracker_->restart();
      end_forgotten(result);
    }
    finish(result);
  }

 private:
  void clear(CameraResult& result) const {
    result.tracks.clear();
    result.track_events.clear();
    result.zone_events.clear();
    result.crossings.clear();
    result.zone_counts.assign(options_.zones.size(), 0);
    result.line_counts = line_counts_;
  }

  void filter(std::vector<Detection>& detections, Size picture) const {
    std::erase_if(detections, [&](const Detection& detection) {
      if (!has_class(options_.classes, detection.class_id)) return true;
      if (options_.confidence && !(detection.confidence > *options_.confidence)) return true;
      if (options_.region.empty() && options_.masks.empty()) return false;
      const ScenePoint anchor = anchor_of(detection.box, picture);
      if (!options_.region.empty() && !contains(options_.region, anchor)) return true;
      return std::any_of(options_.masks.begin(), options_.masks.end(),
                         [&](const ScenePolygon& mask) { return contains(mask, anchor); });
    });
  }

  // Only the tracker's vectors are longer than this one's, and only after new tracks.
  void make_room() {
    if (records_.size() < tracker_->slot_count()) records_.resize(tracker_->slot_count());
  }

  TrackRecord& record_of(const FollowedObject& object) {
    return records_[static_cast<std::size_t>(object.slot)];
  }

  static Box<SourceSpace> box_of(const FollowedObject& object, const CameraResult& result) {
    if (object.detection < 0) return object.filter.box();
    return result.outcome.detections.items[static_cast<std::size_t>(object.detection)].box;
  }

  void begin(TrackRecord& record, const FollowedObject& object, const CameraResult& result) {
    record.in_use = true;
    record.now = Track{};
    record.now.id = object.id;
    record.now.class_id = object.class_id;
    record.now.box = clipped(box_of(object, result), result.outcome.size);
    record.now.first_seen = result.captured_at - (result.captured - object.first_seen);
    record.zones.restart(options_.zones.size());
    record.lines.restart(options_.lines.size());
    stand(record, object.first_seen);
  }

  // Brings a track's record up to this frame and tells what is worth telling.
  void follow(const FollowedObject& object, CameraResult& result) {
    TrackRecord& record = record_of(object);
    const bool is_new = !record.in_use;
    if (is_new) begin(record, object, result);
    Track& track = record.now;
    const Size picture = result.outcome.size;
    track.carried = object.detection < 0;
    // As detected: the filter's box lags behind what starts and runs on when it stops, which zones
    // and lines would show. A prediction that has left the picture stays where it last was in it.
    const Box<SourceSpace> box = clipped(box_of(object, result), picture);
    if (box.width() > 0 && box.height() > 0) track.box = box;
    track.confidence = object.confidence;
    if (!track.carried) {
      track.top_confidence = std::max(track.top_confidence, object.confidence);
      const ScenePoint anchor = anchor_of(track.box, picture);
      const double margin = margin_of(track.box);
      record.zones.see(options_.zones, track, anchor, margin, picture, result.captured,
                       result.zone_events);
      record.lines.see(options_.lines, track, anchor, margin, picture, result.crossings,
                       line_counts_);
      notice_movement(record, result.captured);
    }
    if (is_new) record.told = track;
    grow_older(record, object, result, is_new);
  }

  // What only time changes, and the events; adds the track to the result.
  void grow_older(TrackRecord& record, const FollowedObject& object, CameraResult& result,
                  bool is_new = false) {
    Track& track = record.now;
    track.age = result.captured - object.first_seen;
    record.zones.wait(options_.zones, track, result.captured, result.zone_events);
    if (object.state == FollowState::kTracked &&
        result.captured - record.standing.since >= options_.stationary_after) {
      track.stationary = true;
    }
    if (is_new) {
      tell(TrackChange::kNew, record, result);
    } else if (track.zones != record.told.zones || track.stationary != record.told.stationary ||
               track.top_confidence >= record.told.top_confidence + kBetterPicture) {
      tell(TrackChange::kUpdate, record, result);
    }
    result.tracks.push_back(track);
  }

  static void tell(TrackChange change, TrackRecord& record, CameraResult& result) {
    if (change == TrackChange::kNew) record.told = record.now;
    result.track_events.push_back(
        {.change = change, .before = record.told, .after = record.now});
    record.told = record.now;
  }

  static void stand(TrackRecord& record, TimePoint since) {
    const Box<SourceSpace>& box = record.now.box;
    record.standing = {.x = (static_cast<double>(box.x1) + box.x2) / 2,
                       .y = (static_cast<double>(box.y1) + box.y2) / 2,
                       .since = since};
  }

  static void notice_movement(TrackRecord& record, TimePoint now) {
    const Box<SourceSpace>& box = record.now.box;
    const double x = (static_cast<double>(box.x1) + box.x2) / 2;
    const double y = (static_cast<double>(box.y1) + box.y2) / 2;
    const double moved = std::hypot(x - record.standing.x, y - record.standing.y);
    const double side = static_cast<double>(std::max(box.width(), box.height()));
    if (moved <= (record.now.stationary ? kMovedAway : kMoved) * side) return;
    record.now.stationary = false;
    stand(record, now);
  }

  void end_forgotten(CameraResult& result) {
    for (const FollowedObject& object : tracker_->ended()) {
      TrackRecord& record = record_of(object);
      record.in_use = false;
      record.zones.leave_all(options_.zones, record.now, object.last_seen, result.zone_events);
      record.now.age = object.last_seen - object.first_seen;
      tell(TrackChange::kEnd, record, result);
    }
  }

  void finish(CameraResult& result) const {
    for (const Track& track : result.tracks) {
      for (std::size_t i = 0; i < options_.zones.size(); ++i) {
        result.zone_counts[i] += static_cast<std::uint32_t>(track.zones >> i & 1U);
      }
    }
    result.line_counts = line_counts_;
  }

  SceneOptions options_;
  std::optional<ByteTracker> tracker_;
  std::vector<TrackRecord> records_;  // by slot
  std::vector<LineCount> line_counts_;
  std::vector<Detection> last_detections_;  // where nothing is followed
};

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, "scene: " + std::move(message)};
}

Result<void> check_point(ScenePoint point, const std::string& what) {
  const auto share = [](double value) { return value >= 0 && value <= 1; };  // false for NaN
  if (share(point.x) && share(point.y)) return {};
  return invalid(fmt::format("{}: point ({:g}, {:g}): expected shares of the picture, 0 to 1",
                             what, point.x, point.y));
}

Result<void> check_polygon(const ScenePolygon& polygon, const std::string& what) {
  if (polygon.size() < 3) {
    return invalid(fmt::format("{}: a polygon of {} {}: expected at least 3", what,
                               polygon.size(), polygon.size() == 1 ? "point" : "points"));
  }
  for (const ScenePoint& point : polygon) SHOAL_TRY(check_point(point, what));
  return {};
}

Result<void> check_tracker(const TrackerOptions& tracker) {
  const auto share = [](float value) { return value >= 0 && value <= 1; };
  if (!share(tracker.low) || !share(tracker.high) || !share(tracker.begin) ||
      !share(tracker.match)) {
    return invalid("tracker: low, high, begin and match: expected 0 to 1");
  }
  if (tracker.low > tracker.high) {
    return invalid(fmt::format("tracker: low is {:g} and high {:g}: expected low <= high",
                               tracker.low, tracker.high));
  }
  if (tracker.lost_max < Duration::zero()) {
    return invalid("tracker: lost_max: expected no negative time");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Scene>> Scene::create(SceneOptions options) {
  if (options.zones.size() > kZonesMax) {
    return invalid(fmt::format("{} zones: expected at most {}", options.zones.size(), kZonesMax));
  }
  if (options.track && !options.next_id) return invalid("next_id: expected a function");
  if (options.track) SHOAL_TRY(check_tracker(options.tracker));
  if (!options.region.empty()) SHOAL_TRY(check_polygon(options.region, "region"));
  for (std::size_t i = 0; i < options.masks.size(); ++i) {
    SHOAL_TRY(check_polygon(options.masks[i], fmt::format("mask {}", i + 1)));
  }
  for (std::size_t i = 0; i < options.zones.size(); ++i) {
    SHOAL_TRY(check_polygon(options.zones[i].polygon, fmt::format("zone {}", i + 1)));
  }
  for (std::size_t i = 0; i < options.lines.size(); ++i) {
    const SceneLine& line = options.lines[i];
    const std::string what = fmt::format("line {}", i + 1);
    SHOAL_TRY(check_point(line.from, what));
    SHOAL_TRY(check_point(line.to, what));
    if (line.from.x == line.to.x && line.from.y == line.to.y) {
      return invalid(what + ": begins and ends at one point: expected two");
    }
  }
  return std::unique_ptr<Scene>(std::make_unique<CameraScene>(std::move(options)));
}

}  // namespace shoal
