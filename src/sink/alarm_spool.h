// Alarms on their way to brokers, on disk: what append() has accepted arrives at least once, also
// after a kill or a power cut. One small file an alarm (spool_file.h), deleted when all its
// destinations have it.
//
//   thread that has an alarm:   spool.append(alarm, {"mqtt", "webhook"});
//   each destination's thread:  while (auto alarm = spool.next("mqtt")) {
//                                 if (!send(*alarm)) break;           // later again
//                                 spool.done("mqtt", alarm->id);
//                               }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/camera_result.h"
#include "shoal/result.h"

namespace shoal {

struct AlarmSpoolOptions {
  // Most bytes of disk, each file counted in whole blocks of 4 KiB. An alarm with a picture takes
  // about 20 KiB: 256 MiB hold some 13,000 of them. At least 64 KiB.
  std::int64_t bytes_max = std::int64_t{256} << 20;
  // Alarms that are kept in memory while the disk is full.
  std::size_t memory_max = 256;
};

struct AlarmSpoolCounts {
  std::uint64_t waiting = 0;    // alarms that at least one destination lacks
  std::uint64_t in_memory = 0;  // of these, how many a kill would lose: the disk was full
  std::uint64_t dropped = 0;    // for want of room, each with an error in the log
  std::uint64_t damaged = 0;    // files that could not be read back, set aside as *.damaged
  std::int64_t bytes = 0;       // on disk
};

// Threads  all methods may be called from any thread; one lock, held while the disk writes.
class AlarmSpool {
 public:
  // Opens the folder, makes it where it is missing, and takes up what an earlier run left. Torn
  // last marks are cut off; files that cannot be read are set aside and logged.
  //
  // Errors   kInvalidArgument: the folder is empty, passes through a file, or bytes_max is too
  //          small; kUnavailable: it cannot be made, written to, or another process has it open.
  [[nodiscard]] static Result<std::unique_ptr<AlarmSpool>> open(const std::string& folder,
                                                                AlarmSpoolOptions options);
  ~AlarmSpool();
  AlarmSpool(const AlarmSpool&) = delete;
  AlarmSpool& operator=(const AlarmSpool&) = delete;

  // The alarm is on disk when this returns success. Without destinations there is nothing to do;
  // an id that is waiting already is not taken twice. When there is no room, the oldest waiting
  // alarm is dropped, which is logged as an error with its id and counted.
  //
  // Errors   kUnavailable: the disk is full or fails. The alarm is kept in memory and goes to its
  //          destinations all the same, and to the disk as soon as that works again; only a kill
  //          loses it. Beyond memory_max the oldest of those is dropped, logged and counted.
  //          kInvalidArgument: more than 64 destinations, or an alarm too large for the spool even
  //          without its picture; it is not kept.
  // Cost     two fsync: about 1 ms on an SSD, tens of ms on a hard disk or an SD card. Not for a
  //          thread that must keep pace with frames.
  [[nodiscard]] Result<void> append(const Alarm& alarm,
                                    std::span<const std::string> destinations);

  // The oldest alarm that this destination lacks; the same one until done() is told. Empty where
  // it has them all.
  // Cost     reads a file.
  [[nodiscard]] std::shared_ptr<const Alarm> next(std::string_view destination);

  // This destination has the alarm; on disk when this returns. Unknown ids are ignored: the alarm
  // was dropped meanwhile. Where the disk does not take the mark, that is logged once and the
  // alarm may come again after a restart.
  // Cost     one fsync.
  void done(std::string_view destination, std::string_view id);

  // Lets go of what waits for destinations not named here, because the configuration has no such
  // sink any more; alarms that lose their last destination are logged as errors with their ids.
  // Returns how many alarms that were.
  std::size_t keep_only(std::span<const std::string> destinations);

  [[nodiscard]] std::size_t waiting(std::string_view destination) const;
  [[nodiscard]] AlarmSpoolCounts counts() const;

 private:
  class State;
  explicit AlarmSpool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
