// The request log: one JSON line an answered request, in a file that is rotated. Formatting and
// writing only; the thread that does it, and the ring in front of it, are Evidence's.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>

#include "telemetry/log_file.h"
#include "telemetry/logged_request.h"
#include "telemetry/request_line.h"

namespace shoal {

// Threads  add(), flush(), reopen() and sync() by one thread; the counts by any.
class RequestLog {
 public:
  // An empty path: nothing is written, nothing is counted.
  explicit RequestLog(LogFileOptions options);

  [[nodiscard]] bool enabled() const { return enabled_; }

  // Formats; writes once enough has come together.
  void add(const LoggedRequest& request, const LineContext& context, TimePoint now);
  // Writes what is formatted.
  void flush(TimePoint now);
  void reopen(TimePoint now);
  void sync() { file_.sync(); }

  // Lines in the file, and lines lost because it could not be written.
  [[nodiscard]] std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t rotations() const {
    return rotations_.load(std::memory_order_relaxed);
  }

 private:
  const bool enabled_;
  LogFile file_;
  fmt::memory_buffer lines_;
  std::uint64_t pending_ = 0;  // lines in lines_
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::uint64_t> rotations_{0};
};

}  // namespace shoal
