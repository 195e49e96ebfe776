// The trace file in the form of Triton's server, which its trace_summary.py reads: a JSON array
// with an object that names a request and one with its timestamps.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "telemetry/logged_request.h"

namespace shoal {

// Appends the two objects of a request, without separators around them. Timestamps are those of
// the steady clock, in nanoseconds; a moment that is not known (when the answer was sent) is left
// out. Requests that never reached a lane have no queue and no compute times.
void append_trace(fmt::memory_buffer& out, const LoggedRequest& request);

// Threads  one caller at a time.
class TraceFile {
 public:
  TraceFile() = default;
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  // Takes the trace of a request (one with a trace_id). `frequency` traces go to one of the files
  // PATH.0, PATH.1, ...; 0: all to PATH. What an earlier run left there is overwritten.
  void add(const LoggedRequest& request, const std::string& path, std::uint32_t frequency);
  // Writes what was taken; the file is then a complete array. Failures are logged once.
  void flush();

 private:
  void open_next(const std::string& path, std::uint32_t frequency);

  std::string path_;  // as given
  std::uint32_t frequency_ = 0;
  std::uint32_t in_file_ = 0;  // traces
  std::uint64_t next_file_ = 0;
  int descriptor_ = -1;
  std::int64_t end_ = 0;  // where the closing bracket stands
  fmt::memory_buffer taken_;
  bool failing_ = false;
};

}  // namespace shoal
