// The keys of [[camera]], [[alarm]] and [[sink]]: one table each, which the file, JSON bodies and
// what is printed go through. What holds between keys is site_config_check.h's.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pipeline/config_values.h"
#include "pipeline/site_config.h"

namespace shoal {

[[nodiscard]] std::span<const ConfigField<CameraConfig>> camera_fields();
[[nodiscard]] std::span<const ConfigField<AlarmConfig>> alarm_fields();

// Of [[sink]]: keys with the types that have them.
[[nodiscard]] std::span<const ConfigField<SinkConfig>> sink_fields();
[[nodiscard]] std::span<const std::string_view> sink_types();
// Whether sinks of this type have this key. Both have to exist.
[[nodiscard]] bool sink_has_key(std::string_view type, std::string_view key);

}  // namespace shoal
