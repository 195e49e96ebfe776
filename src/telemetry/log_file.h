// A file that lines are appended to: rotated by size and count, opened again on request, and never
// in the way of its writer when the disk is full or the path cannot be written.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace shoal {

struct LogFileOptions {
  std::string path{};
  // The file is renamed to PATH.1 (that one to PATH.2, ...) before it would grow beyond this; 0:
  // never. Only regular files are rotated.
  std::int64_t rotate_bytes = std::int64_t{64} << 20;
  int files_max = 5;  // PATH and the renamed ones together; 1: PATH is emptied instead
  // Between two attempts on a file that could not be written.
  Duration retry = std::chrono::seconds(2);
};

// Threads  one caller at a time.
class LogFile {
 public:
  explicit LogFile(LogFileOptions options);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Appends whole lines, all or none: what was written of them before the disk was full is cut off
  // again. False: none of it is in the file. The first failure in a row is logged, and so is the
  // first success after it.
  //
  // Cost     one write(2), no fsync.
  bool append(std::string_view lines, TimePoint now);

  // Closes; the next append opens the path again, whatever it then is (for logrotate).
  void reopen();
  // fsync, so that what was appended survives a crash of the machine. May take long.
  void sync();

  [[nodiscard]] std::int64_t rotations() const { return rotations_; }

 private:
  [[nodiscard]] bool open();
  void close();
  void rotate();
  [[nodiscard]] bool write_all(std::string_view lines);
  void cut_off();
  void fail(TimePoint now, std::string_view what, int error);

  const LogFileOptions options_;
  int descriptor_ = -1;
  bool regular_ = false;
  bool torn_ = false;  // the file ends in half a line that could not be cut off
  off_t size_ = 0;     // of a regular file: where its last whole line ends
  bool failing_ = false;
  bool rotation_failed_ = false;
  TimePoint retry_at_;
  std::int64_t rotations_ = 0;
};

}  // namespace shoal
