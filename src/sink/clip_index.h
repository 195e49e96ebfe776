// What is in a folder of alarms, in memory: which alarms there are and how far their clips are.
// Reads files, writes none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/camera_result.h"
#include "shoal/result.h"

namespace shoal {

enum class ClipState : std::uint8_t { kNone, kWriting, kReady };

// Memory   about 200 bytes an alarm, and the newest 256 with their thumbnails.
// Threads  all methods may be called from any thread; files are read outside the lock.
class ClipIndex {
 public:
  explicit ClipIndex(std::string folder) : folder_(std::move(folder)) {}

  struct Found {
    std::string id;
    std::int64_t bytes = 0;
  };
  // Takes in the folder's files; half-written ones are removed, others that are not of this form
  // are left alone.
  [[nodiscard]] std::vector<Found> scan();

  void add(std::shared_ptr<const Alarm> alarm);
  void set_clip(const std::string& id, ClipState state);
  void erase(const std::string& id);

  // As ClipStore's.
  [[nodiscard]] std::vector<std::shared_ptr<const Alarm>> alarms(std::size_t count,
                                                                 std::string_view before) const;
  [[nodiscard]] Result<std::shared_ptr<const Alarm>> alarm(std::string_view id) const;
  [[nodiscard]] Result<std::string> clip_file(std::string_view id) const;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  // "FOLDER/<id><suffix>"
  [[nodiscard]] std::string path(std::string_view id, std::string_view suffix) const;

 private:
  struct Record {
    bool has_alarm = false;
    ClipState clip = ClipState::kNone;
    std::shared_ptr<const Alarm> alarm;  // of the newest ones
  };
  struct Wanted {
    std::string id;
    Record record;
  };
  [[nodiscard]] std::shared_ptr<const Alarm> load(const Wanted& wanted) const;

  std::string folder_;
  mutable std::mutex mutex_;
  std::map<std::string, Record, std::less<>> records_;  // ids sort by time
  std::deque<std::string> in_memory_;  // ids of records with an alarm, oldest first
};

}  // namespace shoal
