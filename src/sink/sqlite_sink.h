// What cameras give, in a SQLite file that people can ask: tracks, zone events, crossings, alarms,
// and a row a minute of each camera. Frame by frame is jsonl's. Schema: docs/storage.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "sink/camera_sink.h"

namespace shoal {

struct SqliteOptions {
  std::string path = {};
  std::chrono::hours keep{0};                      // older rows go; 0: by size alone
  std::int64_t bytes_max = std::int64_t{10} << 30; // of the file; the oldest rows go first
  // A call waits at most this long for another process; after that it is tried once a second.
  std::chrono::milliseconds busy_timeout{500};
  std::size_t rows_waiting_max = 5'000;            // while the file cannot be written; then dropped
};

// Rows are written in one transaction a second, or of 500 rows; alarms at once. What a kill takes
// is that last second.
//
// A file that is damaged, at the start or later, is moved aside (move_corrupt_database) and a new
// one is begun. One that is locked or on a full disk is tried again every second; results that
// do not fit into rows_waiting_max by then are lost: write() says kUnavailable.
//
// Errors   kInvalidArgument: no path, another program's database, a newer Shoal's.
// Threads  as CameraSink. Cost  no allocation per result once rows have grown.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_sqlite_sink(const SqliteOptions& options);

}  // namespace shoal
