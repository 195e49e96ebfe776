// The folder of what alarms leave behind: for each its JSON, its thumbnail and its clip. One thread
// writes clips; the folder stays within its bounds, the oldest alarms go first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/camera_result.h"
#include "shoal/result.h"
#include "sink/disk_budget.h"
#include "sink/packet_tape.h"

namespace shoal {

struct ClipStoreOptions {
  DiskLimits limits = {};
  std::size_t clips_max = 64;    // being written at one time; a further alarm gets none
};

// Since the store was opened, but for the last two.
struct ClipStoreCounts {
  std::uint64_t alarms = 0;         // written
  std::uint64_t alarms_failed = 0;  // disk full, or after finish()
  std::uint64_t clips = 0;          // complete
  std::uint64_t clips_failed = 0;   // begun, and not completed: disk full
  std::uint64_t clips_refused = 0;  // not begun: too many at one time, or too little free space
  std::uint64_t removed = 0;        // alarms that had to go
  std::uint64_t recordings = 0;     // alarms in the folder now
  std::int64_t bytes = 0;           // of all their files
};

// FOLDER/<id>.json (core/alarm_json.h), <id>.jpg, <id>.mp4. Files are complete when they have
// these names; half-written ones end in ".part" and are removed by the next run.
//
// Every alarm has a clip of its own: of alarms that overlap, each file holds what its rule asks
// for, and removing one alarm never takes the clip of another. Nothing is forced to the disk: what
// a power failure takes is the last seconds' clips.
//
// Threads  all methods may be called from any thread. The listener is called by the store's.
class ClipStore {
 public:
  // Reads which alarms are there (names only), and removes half-written files.
  // Errors   as make_folder.
  [[nodiscard]] static Result<std::unique_ptr<ClipStore>> open(const std::string& folder,
                                                               const ClipStoreOptions& options);
  struct State;
  // What open() has prepared; begins the thread. REQUIRES: not null.
  explicit ClipStore(std::unique_ptr<State> state);
  ~ClipStore();
  ClipStore(const ClipStore&) = delete;
  ClipStore& operator=(const ClipStore&) = delete;

  // Keeps an alarm: it is in alarms() and in its files when this returns, so that whoever is told
  // of it afterwards finds it there, also after a kill. An alarm that cannot be kept is counted and
  // logged; it is none of the other sinks' business.
  // Cost     writes two small files.
  void add(std::shared_ptr<const Alarm> alarm);

  // Called when an alarm's clip is ready. Set it before the first clip; must not block.
  void set_listener(std::function<void(const std::string& alarm_id)> listener);

  // The newest first, also those of earlier runs; at most `count`, older than `before` where that
  // is given. `clip` of them is set while the clip is there or is being written.
  // Cost     the newest 256 are in memory; each other one is two small files to be read.
  [[nodiscard]] std::vector<std::shared_ptr<const Alarm>> alarms(std::size_t count,
                                                                 std::string_view before) const;
  // Errors   kNotFound.
  [[nodiscard]] Result<std::shared_ptr<const Alarm>> alarm(std::string_view id) const;
  // The path of a clip. Errors  kNotFound; kUnavailable: it is still being written.
  [[nodiscard]] Result<std::string> clip_file(std::string_view id) const;

  [[nodiscard]] ClipStoreCounts counts() const;
  [[nodiscard]] const std::string& folder() const;

  // Ends all clips where they are now, writes what waits, stops. Idempotent; the destructor does
  // it, too.
  void finish();

  // For ClipRecorder: begins to write a part of a tape as this alarm's clip, until the part is
  // complete or `patience` is over. False, counted: not begun.
  [[nodiscard]] bool begin_clip(const std::string& alarm_id, std::shared_ptr<PacketTape> tape,
                                const PacketTape::Cut& cut, Duration patience);
  // For ClipRecorder: packets have come for those who read.
  void wake();

 private:
  std::unique_ptr<State> state_;
};

}  // namespace shoal
