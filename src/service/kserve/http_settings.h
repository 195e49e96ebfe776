// The small JSON bodies of the protocol: what a client wants listed, loaded, traced or logged.
#pragma once

#include <string_view>

#include "service/kserve/kserve_service.h"
#include "service/kserve/message.h"
#include "shoal/result.h"

namespace shoal {

// All accept an empty body as {}. Errors: invalid_argument; bodies above 4 MiB; nested more than
// 32 deep.

// {"ready": bool} -> ready.
[[nodiscard]] Result<bool> read_index_request(std::string_view body);
// {"parameters": {...}}.
[[nodiscard]] Result<Parameters> read_load_request(std::string_view body);
// {"trace_level": ["TIMESTAMPS"], "trace_rate": "1000", "trace_count": null}; numbers become text,
// null no values.
[[nodiscard]] Result<TraceValues> read_trace_request(std::string_view body);
// {"log_verbose_level": 1, "log_info": true}.
[[nodiscard]] Result<LogSettings> read_log_request(std::string_view body);

}  // namespace shoal
