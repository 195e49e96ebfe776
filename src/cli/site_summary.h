// What `shoal run` says at its end: cameras, sinks, and one true suggestion or none.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/camera_result.h"
#include "pipeline/camera_control.h"

namespace shoal {

// Lines of at most 100 columns, each ending in a line break. `seconds`: how long it ran.
[[nodiscard]] std::string site_summary(std::span<const CameraStatus> cameras,
                                       std::span<const SinkStatus> sinks, double seconds);

// "08:00:00 alarm    line-1: 1 x short in zone 'belt' for 0.5 s", UTC.
[[nodiscard]] std::string alarm_line(const Alarm& alarm);
// "08:00:00 camera   line-1: waiting: no answer within 10 s; again in 3 s".
[[nodiscard]] std::string state_line(const CameraStatus& camera, WallTime now);

}  // namespace shoal
