// One line of the request log, as JSON. The names of the fields are a promise: docs/evidence.md
// lists them, `shoal analyze` and the tests read them.
#pragma once

#include <fmt/format.h>

#include "telemetry/logged_request.h"
#include "telemetry/process_sampler.h"

namespace shoal {

// What the log adds from outside of the request.
struct LineContext {
  ProcessSample process;
  double fragmentation = 0;      // of the worst pool
  std::int64_t h2d_bytes = 0;    // bytes of this request that went to a device's own memory
};

// Appends the line, with its newline.
//
// Cost     about 2 us; no allocation once `out` has grown.
void append_request_line(fmt::memory_buffer& out, const LoggedRequest& request,
                         const LineContext& context);

// UTC, ISO 8601 with microseconds: 2025-01-31T09:30:00.123456Z.
void append_timestamp(fmt::memory_buffer& out, std::int64_t unix_ns);

}  // namespace shoal
