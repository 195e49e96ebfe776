// One update: choose, predict, associate three times, begin, forget.
#include "track/byte_tracker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/check.h"
#include "core/clock.h"

namespace shoal {
namespace {

// The paper's program: limits of 1 - IoU of the second and of the unconfirmed association, and of
// two tracks that are one.
constexpr float kSecondLimit = 0.5F;
constexpr float kUnconfirmedLimit = 0.7F;
constexpr float kDuplicateLimit = 0.15F;

// Containers round time stamps to a millisecond; an object that was lost for exactly the time
// allowed shall not depend on that.
constexpr Duration kRounding = std::chrono::milliseconds(2);

std::int32_t index_of(std::size_t i) { return static_cast<std::int32_t>(i); }
std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

}  // namespace

void ByteTracker::Corners::clear() {
  x1.clear();
  y1.clear();
  x2.clear();
  y2.clear();
  area.clear();
  class_id.clear();
}

void ByteTracker::Corners::add(const Box<SourceSpace>& box, std::int32_t class_of_box) {
  x1.push_back(box.x1);
  y1.push_back(box.y1);
  x2.push_back(box.x2);
  y2.push_back(box.y2);
  area.push_back(box.area());
  class_id.push_back(class_of_box);
}

ByteTracker::ByteTracker(const TrackerOptions& options, std::function<TrackId()> next_id)
    : options_(options), next_id_(std::move(next_id)) {
  SHOAL_CHECK(next_id_ != nullptr, "a tracker is given a source of identities");
}

void ByteTracker::update(std::span<Detection> detections, TimePoint now) {
  for (const FollowedObject& object : ended_) free_slots_.push_back(object.slot);
  ended_.clear();
  const Duration elapsed = clock_.advance(now);
  choose_detections(detections);
  predict(elapsed);

  pool_.clear();
  unconfirmed_.clear();
  was_lost_.assign(objects_.size(), 0);
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    objects_[i].detection = -1;
    was_lost_[i] = objects_[i].state == FollowState::kLost ? 1 : 0;
    (objects_[i].state == FollowState::kUnconfirmed ? unconfirmed_ : pool_).push_back(index_of(i));
  }
  associate(pool_, high_, detections, true, options_.match, now);
  // Faint detections continue what is in sight; what was lost already is not found by them.
  std::erase_if(pool_, [this](std::int32_t i) { return was_lost_[at(i)] != 0; });
  associate(pool_, low_, detections, false, kSecondLimit, now);
  for (const std::int32_t i : pool_) objects_[at(i)].state = FollowState::kLost;
  associate(unconfirmed_, high_, detections, true, kUnconfirmedLimit, now);

  forgotten_.assign(objects_.size(), 0);
  for (const std::int32_t i : unconfirmed_) forgotten_[at(i)] = 1;
  forget_lost(now);
  begin_tracks(detections, first_frame_, now);
  first_frame_ = false;
  mark_duplicates();
  for (Detection& detection : detections) detection.track_id.reset();
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    const FollowedObject& object = objects_[i];
    if (forgotten_[i] != 0 || object.detection < 0) continue;
    if (object.state == FollowState::kTracked) {
      detections[at(object.detection)].track_id = object.id;
    }
  }
  sweep();
}

void ByteTracker::hold(TimePoint now) {
  clock_.advance(now);
  for (FollowedObject& object : objects_) {
    object.detection = -1;
    if (object.state != FollowState::kLost) object.last_seen = now;
  }
  for (const FollowedObject& object : ended_) free_slots_.push_back(object.slot);
  ended_.clear();
}

void ByteTracker::restart() {
  for (const FollowedObject& object : ended_) free_slots_.push_back(object.slot);
  ended_.clear();
  forgotten_.assign(objects_.size(), 1);
  sweep();
  clock_ = FrameClock();
  first_frame_ = true;
}

void ByteTracker::choose_detections(std::span<const Detection> detections) {
  high_.clear();
  low_.clear();
  for (std::size_t i = 0; i < detections.size(); ++i) {
    const Detection& detection = detections[i];
    if (!(detection.box.width() > 0) || !(detection.box.height() > 0)) continue;
    if (detection.confidence >= options_.high) {
      high_.push_back(index_of(i));
    } else if (detection.confidence > options_.low) {
      low_.push_back(index_of(i));
    }
  }
}

// As in the paper's program, what was seen only once is not predicted: it has no velocity yet.
void ByteTracker::predict(Duration elapsed) {
  const FilterStep step{.seconds = to_seconds(elapsed), .frame = to_seconds(clock_.frame())};
  for (FollowedObject& object : objects_) {
    if (object.state == FollowState::kUnconfirmed) continue;
    object.filter.predict(step, object.state == FollowState::kLost);
  }
}

// Fills pairs_ with the rows and columns of one class whose cost is below the limit. Most boxes of
// a picture lie beside each other: one comparison each, which the processor foresees.
void ByteTracker::collect_pairs(float limit) {
  pairs_.clear();
  const std::size_t columns = columns_.x1.size();
  const float least = 1.0F - limit;  // cost < limit where the weighted overlap is above it
  for (std::size_t i = 0; i < rows_.x1.size(); ++i) {
    const float x1 = rows_.x1[i];
    const float x2 = rows_.x2[i];
    for (std::size_t j = 0; j < columns; ++j) {
      const float width = std::min(x2, columns_.x2[j]) - std::max(x1, columns_.x1[j]);
      if (width <= 0) continue;
      const float height = std::min(rows_.y2[i], columns_.y2[j]) -
                           std::max(rows_.y1[i], columns_.y1[j]);
      if (height <= 0 || rows_.class_id[i] != columns_.class_id[j]) continue;
      const float both = width * height;
      const float either = rows_.area[i] + columns_.area[j] - both;
      const float overlap = both / either * column_weight_[j];
      if (overlap > least) pairs_.push_back({index_of(i), index_of(j), 1.0F - overlap});
    }
  }
}

void ByteTracker::associate(Indices& objects, Indices& chosen,
                            std::span<const Detection> detections, bool fused, float limit,
                            TimePoint now) {
  if (objects.empty() || chosen.empty()) return;
  rows_.clear();
  columns_.clear();
  column_weight_.clear();
  for (const std::int32_t i : objects) {
    rows_.add(objects_[at(i)].filter.box(), objects_[at(i)].class_id);
  }
  for (const std::int32_t i : chosen) {
    columns_.add(detections[at(i)].box, detections[at(i)].class_id);
    column_weight_.push_back(fused ? detections[at(i)].confidence : 1.0F);
  }
  collect_pairs(limit);
  assignment_.solve(pairs_, index_of(objects.size()), index_of(chosen.size()), limit);
  const auto columns = assignment_.column_of_row();
  std::size_t left = 0;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (columns[i] < 0) {
      objects[left++] = objects[i];
      continue;
    }
    const std::int32_t index = chosen[at(columns[i])];
    match(objects_[at(objects[i])], detections[at(index)], index, now);
  }
  objects.resize(left);
  const auto rows = assignment_.row_of_column();
  left = 0;
  for (std::size_t j = 0; j < chosen.size(); ++j) {
    if (rows[j] < 0) chosen[left++] = chosen[j];
  }
  chosen.resize(left);
}

void ByteTracker::match(FollowedObject& object, const Detection& detection, std::int32_t index,
                        TimePoint now) {
  if (object.state == FollowState::kUnconfirmed) object.id = next_id_();
  object.state = FollowState::kTracked;
  object.filter.correct(detection.box);
  object.confidence = detection.confidence;
  object.last_seen = now;
  object.detection = index;
}

// high_ holds what no object has claimed.
void ByteTracker::begin_tracks(std::span<const Detection> detections, bool at_once,
                               TimePoint now) {
  for (const std::int32_t index : high_) {
    const Detection& detection = detections[at(index)];
    if (detection.confidence < options_.begin) continue;
    FollowedObject object{.id = {},
                          .state = FollowState::kUnconfirmed,
                          .class_id = detection.class_id,
                          .slot = 0,
                          .detection = index,
                          .confidence = detection.confidence,
                          .first_seen = now,
                          .last_seen = now,
                          .filter = BoxFilter(detection.box)};
    if (at_once) {
      object.state = FollowState::kTracked;
      object.id = next_id_();
    }
    if (free_slots_.empty()) {
      object.slot = index_of(slot_count_++);
      free_slots_.reserve(slot_count_);  // giving slots back never allocates
    } else {
      object.slot = free_slots_.back();
      free_slots_.pop_back();
    }
    objects_.push_back(object);
    forgotten_.push_back(0);
    was_lost_.push_back(0);
  }
}

// Only what was lost before this frame: every lost object has one more chance to be found.
void ByteTracker::forget_lost(TimePoint now) {
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    const FollowedObject& object = objects_[i];
    if (was_lost_[i] == 0 || object.state != FollowState::kLost) continue;
    if (now - object.last_seen > options_.lost_max + kRounding) forgotten_[i] = 1;
  }
}

// An object in sight that lies where a lost one is predicted is that one: who was followed longer
// stays.
void ByteTracker::mark_duplicates() {
  rows_.clear();
  columns_.clear();
  column_weight_.clear();
  pool_.clear();
  unconfirmed_.clear();
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    const FollowedObject& object = objects_[i];
    if (forgotten_[i] != 0) continue;
    const bool lost = object.state == FollowState::kLost;
    (lost ? columns_ : rows_).add(object.filter.box(), object.class_id);
    (lost ? unconfirmed_ : pool_).push_back(index_of(i));
    if (lost) column_weight_.push_back(1.0F);
  }
  if (rows_.x1.empty() || columns_.x1.empty()) return;
  collect_pairs(kDuplicateLimit);
  for (const PairCost& pair : pairs_) {
    const std::int32_t seen = pool_[at(pair.row)];
    const std::int32_t lost = unconfirmed_[at(pair.column)];
    const auto age = [this](std::int32_t i) {
      return objects_[at(i)].last_seen - objects_[at(i)].first_seen;
    };
    forgotten_[at(age(seen) > age(lost) ? lost : seen)] = 1;
  }
}

void ByteTracker::sweep() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    if (forgotten_[i] == 0) {
      if (kept != i) objects_[kept] = objects_[i];
      ++kept;
    } else if (objects_[i].state == FollowState::kUnconfirmed) {
      free_slots_.push_back(objects_[i].slot);
    } else {
      ended_.push_back(objects_[i]);
    }
  }
  objects_.resize(kept);
}

}  // namespace shoal
