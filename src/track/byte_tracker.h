// ByteTrack for one camera: detections of one frame after the other to objects with identities
// (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022).
// Zones, lines and events are scene.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/clock.h"
#include "shoal/detection.h"
#include "track/assignment.h"
#include "track/frame_clock.h"
#include "track/kalman.h"
#include "track/scene.h"

namespace shoal {

enum class FollowState : std::uint8_t {
  kUnconfirmed,  // seen once: it becomes a track if the next frame has it, too
  kTracked,      // detected in the last frame that was analysed
  kLost,         // not: predicted, until it is found again or forgotten
};

struct FollowedObject {
  TrackId id{};             // once confirmed
  FollowState state = FollowState::kUnconfirmed;
  std::int32_t class_id = 0;
  std::int32_t slot = 0;    // a small number of its own among living objects, used again later
  std::int32_t detection = -1;  // index of its detection in the last update(), or -1
  float confidence = 0;     // of its last detection
  TimePoint first_seen{};
  TimePoint last_seen{};    // detected, or held in place
  BoxFilter filter;
};

// Differences from the paper's program, all deliberate: time instead of frames (a step is the
// paper's where frames come evenly); objects of two classes never match; an identity is given when
// an object is confirmed, so those that are seen once use none up; boxes without area are ignored.
//
// Threads  one at a time; trackers are independent. Cost  docs/tracking.md; no allocation per
//          frame once vectors have grown. The same input gives the same output.
class ByteTracker {
 public:
  // REQUIRES: next_id can be called.
  ByteTracker(const TrackerOptions& options, std::function<TrackId()> next_id);

  // Follows one frame and writes `track_id` of every detection: its track's, or none.
  // REQUIRES: boxes finite; `now` does not go back.
  void update(std::span<Detection> detections, TimePoint now);

  // Frames between the last update and `now` had no motion: everything is where it was.
  void hold(TimePoint now);

  // Forgets everything; the next frame begins tracks at once, as a first one does. ended() is what
  // was followed.
  void restart();

  // In the order in which they were first seen; unconfirmed ones too.
  [[nodiscard]] std::span<const FollowedObject> objects() const { return objects_; }
  // Confirmed ones that the last update() or restart() forgot. Their slots are free again at the
  // next call.
  [[nodiscard]] std::span<const FollowedObject> ended() const { return ended_; }
  // One above the highest slot there has been.
  [[nodiscard]] std::size_t slot_count() const { return slot_count_; }

 private:
  struct Corners {  // boxes of one side of an association, by coordinate
    std::vector<float> x1, y1, x2, y2, area;
    std::vector<std::int32_t> class_id;
    void clear();
    void add(const Box<SourceSpace>& box, std::int32_t class_of_box);
  };
  using Indices = std::vector<std::int32_t>;

  void choose_detections(std::span<const Detection> detections);
  void predict(Duration elapsed);
  // Matches objects (indices into objects_) with detections and keeps those of either that found
  // nobody. `fused`: the cost is 1 - IoU * confidence instead of 1 - IoU.
  void associate(Indices& objects, Indices& chosen, std::span<const Detection> detections,
                 bool fused, float limit, TimePoint now);
  void match(FollowedObject& object, const Detection& detection, std::int32_t index,
             TimePoint now);
  void begin_tracks(std::span<const Detection> detections, bool at_once, TimePoint now);
  void forget_lost(TimePoint now);
  void mark_duplicates();
  void sweep();
  void collect_pairs(float limit);

  TrackerOptions options_;
  std::function<TrackId()> next_id_;
  FrameClock clock_;
  bool first_frame_ = true;
  std::vector<FollowedObject> objects_;
  std::vector<FollowedObject> ended_;
  std::vector<std::uint8_t> forgotten_;  // by object, of this update
  Indices free_slots_;
  std::size_t slot_count_ = 0;

  // Scratch of one update.
  Indices high_, low_, pool_, unconfirmed_;
  std::vector<std::uint8_t> was_lost_;
  Corners rows_, columns_;
  std::vector<float> column_weight_;
  std::vector<PairCost> pairs_;
  Assignment assignment_;
};

}  // namespace shoal
