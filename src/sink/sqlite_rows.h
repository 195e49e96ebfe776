// Rows on their way into SqliteDatabase: filled from results, recycled, written in one transaction.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/camera_result.h"
#include "shoal/result.h"
#include "sink/sqlite_database.h"

namespace shoal {

enum class RowTable : std::uint8_t { kTrack, kZoneEvent, kCrossing, kAlarm, kMinute };
inline constexpr std::size_t kRowTableCount = 5;

// Milliseconds since 1970 UTC, cut.
[[nodiscard]] std::int64_t unix_milliseconds(WallTime time);

// Threads  one at a time.
class SqliteRows {
 public:
  void add(const CameraResult& result);
  void add(const Alarm& alarm);
  // The minutes that are counted and not over yet.
  void close_minutes();

  [[nodiscard]] std::size_t count() const { return used_; }
  void drop_last() { --used_; }
  void clear() { used_ = 0; }

  // Another file, or the same one after an error: statements are prepared anew.
  // REQUIRES: the database outlives the next attach() or detach().
  [[nodiscard]] Result<void> attach(SqliteDatabase& database, std::int64_t run);
  void detach();
  // All rows in one transaction; they stay here where that fails, and the file is as before.
  [[nodiscard]] Result<void> write_to(SqliteDatabase& database);

 private:
  // What a statement binds: the camera, then texts, numbers and reals.
  struct Row {
    RowTable table = RowTable::kTrack;
    std::string camera;
    std::array<std::string, 6> texts;
    std::array<std::int64_t, 6> numbers{};
    std::array<double, 5> reals{};
  };
  struct Minute {
    std::int64_t begin = -1;  // ms; -1: none
    std::int64_t frames = 0;
    std::int64_t inferred = 0;
    std::int64_t failed = 0;
    std::int64_t detections = 0;
    std::int64_t tracks_max = 0;
    std::vector<std::uint32_t> zones_max;
    std::vector<std::string> zones;
  };
  Row& next(RowTable table, std::string_view camera);
  void add_track(const CameraResult& result, const TrackEvent& event);
  void count_minute(const CameraResult& result);
  void close_minute(const std::string& camera, Minute& minute);
  Result<void> write_row(SqliteDatabase& database, const Row& row);

  std::vector<Row> rows_;
  std::size_t used_ = 0;
  std::map<std::string, Minute, std::less<>> minutes_;  // by camera
  fmt::memory_buffer text_;
  std::array<SqliteStatement, kRowTableCount> statements_;
  SqliteStatement add_camera_;
  std::unordered_set<std::string> cameras_;  // that the file knows
  std::int64_t run_ = 0;
};

}  // namespace shoal
