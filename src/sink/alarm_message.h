// What Shoal says to brokers and webhooks of an alarm: docs/messages.md. Results go there as the
// lines of camera_json.h.
#pragma once

#include <fmt/format.h>

#include "core/camera_result.h"

namespace shoal {

enum class Picture : bool { kWithout, kWith };

// Appends {"version":1, the members of ALARM in docs/cameras-api.md, and "thumbnail_jpeg": the
// drawn frame in base64, or null}.
void append_alarm_message(fmt::memory_buffer& out, const Alarm& alarm, Picture picture);

}  // namespace shoal
