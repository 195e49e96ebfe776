// Requests as events of the Trace Event Format (Google's document of that name), which Perfetto
// reads: complete events (X) on lanes, asynchronous ones (b, e) where they overlap, a counter (C).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "telemetry/trace.h"

namespace shoal {

[[nodiscard]] std::string trace_events_json(std::span<const TracedRequest> requests,
                                            std::uint64_t missed,
                                            const Trace::ModelName& model_name);

}  // namespace shoal
