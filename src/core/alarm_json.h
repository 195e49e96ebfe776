// An alarm as a JSON object: ALARM of docs/cameras-api.md. The page's routes and the messages to
// brokers and webhooks say the same.
#pragma once

#include <fmt/format.h>

#include <string>

#include "core/camera_result.h"

namespace shoal {

// Appends {"id":...,"rule":...,...,"objects":[...]}; with `links` also "thumbnail", "clip" (paths
// on the box's HTTP address, null where there is none) and "clip_ready". Times in UTC with
// milliseconds, boxes in source pixels with 2 decimals, confidence with 4. Text that is not UTF-8
// gets U+FFFD in its place. `clip_ready` is said of alarms with a clip only.
void append_alarm_json(fmt::memory_buffer& out, const Alarm& alarm, bool links, bool clip_ready);

[[nodiscard]] std::string alarm_json(const Alarm& alarm, bool links, bool clip_ready);

}  // namespace shoal
