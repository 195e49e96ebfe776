// One generic row for all tables: as many texts, numbers and reals as its statement has.
#include "sink/sqlite_rows.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "core/json_text.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

constexpr std::int64_t kMinute = 60'000;  // ms

struct Form {
  std::string_view statement;  // binds run?, camera, texts, numbers, reals
  bool has_run = false;
  std::size_t texts = 0;
  std::size_t numbers = 0;
  std::size_t reals = 0;
};

constexpr std::array<Form, kRowTableCount> kForms = {{
    {"INSERT INTO tracks(run, camera, class, zones, track, first_seen, last_seen, ended,"
     " stationary, top_confidence, x1, y1, x2, y2)"
     " VALUES(?1, (SELECT id FROM cameras WHERE name = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
     " ?12, ?13, ?14)"
     " ON CONFLICT(run, track) DO UPDATE SET class = excluded.class, zones = excluded.zones,"
     " last_seen = excluded.last_seen, ended = excluded.ended,"
     " stationary = excluded.stationary, top_confidence = excluded.top_confidence,"
     " x1 = excluded.x1, y1 = excluded.y1, x2 = excluded.x2, y2 = excluded.y2",
     true, 2, 5, 5},
    {"INSERT INTO zone_events(run, camera, change, zone, class, time, track, inside_ms)"
     " VALUES(?1, (SELECT id FROM cameras WHERE name = ?2), ?3, ?4, ?5, ?6, ?7, ?8)",
     true, 3, 3, 0},
    {"INSERT INTO crossings(run, camera, line, direction, class, time, track)"
     " VALUES(?1, (SELECT id FROM cameras WHERE name = ?2), ?3, ?4, ?5, ?6, ?7)",
     true, 3, 2, 0},
    // Delivered at least once: the first one counts.
    {"INSERT OR IGNORE INTO alarms(camera, id, rule, message, objects, zone, clip, time, frame)"
     " VALUES((SELECT id FROM cameras WHERE name = ?1), ?2, ?3, ?4, ?5, nullif(?6, ''),"
     " nullif(?7, ''), ?8, ?9)",
     false, 6, 2, 0},
    {"INSERT INTO minutes(camera, zones_max, time, frames, inferred, failed, detections,"
     " tracks_max)"
     " VALUES((SELECT id FROM cameras WHERE name = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
     // A restart within a minute, or a clock that went back, adds to what is there.
     " ON CONFLICT(camera, time) DO UPDATE SET frames = frames + excluded.frames,"
     " inferred = inferred + excluded.inferred, failed = failed + excluded.failed,"
     " detections = detections + excluded.detections,"
     " tracks_max = max(tracks_max, excluded.tracks_max), zones_max = excluded.zones_max",
     false, 1, 6, 0},
}};

std::string_view to_text(ZoneChange change) {
  switch (change) {
    case ZoneChange::kEnter: return "enter";
    case ZoneChange::kLeave: return "leave";
    case ZoneChange::kDwell: return "dwell";
  }
  return "enter";
}

// The name, or its number where the camera has none for it.
void put_name(std::string& text, const std::vector<std::string>& names, std::int32_t index) {
  text.clear();
  const auto place = static_cast<std::size_t>(index);
  if (index >= 0 && place < names.size()) {
    text = names[place];
  } else {
    fmt::format_to(std::back_inserter(text), "{}", index);
  }
}

void put_class(std::string& text, const CameraIdentity& camera, std::int32_t class_id) {
  text.clear();
  append_class_name(text, camera.class_names, class_id);
}

void put_zones(std::string& text, const std::vector<std::string>& zones, std::uint64_t bits,
               fmt::memory_buffer& scratch) {
  scratch.clear();
  scratch.push_back('[');
  for (std::size_t i = 0; i < std::min<std::size_t>(zones.size(), 64); ++i) {
    if ((bits >> i & 1U) == 0) continue;
    if (scratch.size() > 1) scratch.push_back(',');
    append_json_string(scratch, zones[i]);
  }
  scratch.push_back(']');
  text.assign(scratch.data(), scratch.size());
}

void append_objects(fmt::memory_buffer& out, std::span<const Alarm::Object> objects) {
  out.push_back('[');
  for (const Alarm::Object& object : objects) {
    if (out.size() > 1) out.push_back(',');
    fmt::format_to(std::back_inserter(out), R"({{"track_id":{},"name":)",
                   static_cast<std::uint32_t>(object.track));
    append_json_string(out, object.name);
    append_text(out, R"(,"confidence":)");
    append_json_number(out, object.confidence, 4);
    append_text(out, R"(,"box":[)");
    for (const float side : {object.box.x1, object.box.y1, object.box.x2, object.box.y2}) {
      if (out.data()[out.size() - 1] != '[') out.push_back(',');
      append_json_number(out, side, 2);
    }
    append_text(out, "]}");
  }
  out.push_back(']');
}

}  // namespace

std::int64_t unix_milliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

SqliteRows::Row& SqliteRows::next(RowTable table, std::string_view camera) {
  if (used_ == rows_.size()) rows_.emplace_back();
  Row& row = rows_[used_++];
  row.table = table;
  row.camera = camera;
  return row;
}

void SqliteRows::add_track(const CameraResult& result, const TrackEvent& event) {
  const CameraIdentity& camera = *result.camera;
  const Track& track = event.after;
  Row& row = next(RowTable::kTrack, camera.name);
  put_class(row.texts[0], camera, track.class_id);
  put_zones(row.texts[1], camera.zones, track.entered, text_);
  row.numbers = {static_cast<std::uint32_t>(track.id), unix_milliseconds(track.first_seen),
                 unix_milliseconds(result.captured_at), event.change == TrackChange::kEnd ? 1 : 0,
                 track.stationary ? 1 : 0};
  row.reals = {track.top_confidence, track.box.x1, track.box.y1, track.box.x2, track.box.y2};
}

void SqliteRows::add(const CameraResult& result) {
  const CameraIdentity& camera = *result.camera;
  const std::int64_t time = unix_milliseconds(result.captured_at);
  for (const TrackEvent& event : result.track_events) add_track(result, event);
  for (const ZoneEvent& event : result.zone_events) {
    Row& row = next(RowTable::kZoneEvent, camera.name);
    row.texts[0] = to_text(event.change);
    put_name(row.texts[1], camera.zones, event.zone);
    put_class(row.texts[2], camera, event.class_id);
    row.numbers = {time, static_cast<std::uint32_t>(event.track),
                   std::chrono::duration_cast<std::chrono::milliseconds>(event.inside).count()};
  }
  for (const LineCrossing& crossing : result.crossings) {
    Row& row = next(RowTable::kCrossing, camera.name);
    put_name(row.texts[0], camera.lines, crossing.line);
    row.texts[1] = crossing.direction == CrossingDirection::kForward ? "forward" : "backward";
    put_class(row.texts[2], camera, crossing.class_id);
    row.numbers = {time, static_cast<std::uint32_t>(crossing.track)};
  }
  count_minute(result);
}

void SqliteRows::count_minute(const CameraResult& result) {
  const std::int64_t time = unix_milliseconds(result.captured_at);
  const std::int64_t begin = time - (time % kMinute + kMinute) % kMinute;
  auto at = minutes_.find(result.camera->name);
  if (at == minutes_.end()) at = minutes_.emplace(result.camera->name, Minute{}).first;
  Minute& minute = at->second;
  if (minute.begin != begin) {
    close_minute(at->first, minute);
    minute.begin = begin;
    minute.zones = result.camera->zones;
  }
  ++minute.frames;
  minute.inferred += result.inferred ? 1 : 0;
  minute.failed += result.outcome.error ? 1 : 0;
  if (result.inferred && !result.outcome.error) {
    minute.detections += static_cast<std::int64_t>(result.outcome.detections.items.size());
  }
  minute.tracks_max = std::max(minute.tracks_max,
                               static_cast<std::int64_t>(result.tracks.size()));
  minute.zones_max.resize(std::max(minute.zones_max.size(), result.zone_counts.size()));
  for (std::size_t i = 0; i < result.zone_counts.size(); ++i) {
    minute.zones_max[i] = std::max(minute.zones_max[i], result.zone_counts[i]);
  }
}

void SqliteRows::close_minute(const std::string& camera, Minute& minute) {
  if (minute.begin >= 0 && minute.frames > 0) {
    Row& row = next(RowTable::kMinute, camera);
    text_.clear();
    text_.push_back('{');
    for (std::size_t i = 0; i < std::min(minute.zones.size(), minute.zones_max.size()); ++i) {
      if (i > 0) text_.push_back(',');
      append_json_string(text_, minute.zones[i]);
      fmt::format_to(std::back_inserter(text_), ":{}", minute.zones_max[i]);
    }
    text_.push_back('}');
    row.texts[0].assign(text_.data(), text_.size());
    row.numbers = {minute.begin, minute.frames, minute.inferred, minute.failed,
                   minute.detections, minute.tracks_max};
  }
  minute.begin = -1;
  minute.frames = minute.inferred = minute.failed = minute.detections = minute.tracks_max = 0;
  minute.zones_max.clear();
}

void SqliteRows::close_minutes() {
  for (auto& [camera, minute] : minutes_) close_minute(camera, minute);
}

void SqliteRows::add(const Alarm& alarm) {
  Row& row = next(RowTable::kAlarm, alarm.camera);
  text_.clear();
  append_objects(text_, alarm.objects);
  row.texts[0] = alarm.id;
  row.texts[1] = alarm.rule;
  row.texts[2] = alarm.message;
  row.texts[3].assign(text_.data(), text_.size());
  row.texts[4] = alarm.zone;
  row.texts[5] = alarm.clip;
  row.numbers = {unix_milliseconds(alarm.at), static_cast<std::int64_t>(alarm.frame)};
}

Result<void> SqliteRows::attach(SqliteDatabase& database, std::int64_t run) {
  detach();
  for (std::size_t i = 0; i < kForms.size(); ++i) {
    statements_[i] = SHOAL_TRY(database.prepare(kForms[i].statement));
  }
  add_camera_ = SHOAL_TRY(database.prepare("INSERT OR IGNORE INTO cameras(name) VALUES(?1)"));
  run_ = run;
  return {};
}

void SqliteRows::detach() {
  for (SqliteStatement& statement : statements_) statement = SqliteStatement();
  add_camera_ = SqliteStatement();
  cameras_.clear();
}

Result<void> SqliteRows::write_row(SqliteDatabase& database, const Row& row) {
  if (!cameras_.contains(row.camera)) {
    if (add_camera_.bind(row.camera).step() != SQLITE_DONE) {
      return database.failure("a camera cannot be written");
    }
    cameras_.insert(row.camera);
  }
  const auto table = static_cast<std::size_t>(row.table);
  const Form& form = kForms[table];
  SqliteStatement& statement = statements_[table];
  if (form.has_run) statement.bind(run_);
  statement.bind(row.camera);
  for (std::size_t i = 0; i < form.texts; ++i) statement.bind(row.texts[i]);
  for (std::size_t i = 0; i < form.numbers; ++i) statement.bind(row.numbers[i]);
  for (std::size_t i = 0; i < form.reals; ++i) statement.bind(row.reals[i]);
  if (statement.step() != SQLITE_DONE) return database.failure("a row cannot be written");
  return {};
}

Result<void> SqliteRows::write_to(SqliteDatabase& database) {
  SHOAL_TRY(database.execute("BEGIN IMMEDIATE"));
  Result<void> written;
  for (std::size_t i = 0; i < used_ && written; ++i) written = write_row(database, rows_[i]);
  if (written) written = database.execute("COMMIT");
  if (!written) {
    (void)database.execute("ROLLBACK");
    cameras_.clear();  // some may not be there after all
    return written;
  }
  clear();
  return {};
}

}  // namespace shoal
