// What is kept of an alarm on the disk, read back: names of files and the JSON that
// core/alarm_json.h writes. The files are untrusted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/camera_result.h"
#include "shoal/result.h"

namespace shoal {

// "1795248000000-line-1-3": 13 digits, a camera's name, a number. Such an id is a safe file name:
// it holds letters, digits, '_', '-' and '.' only, and at most 128 bytes.
[[nodiscard]] bool is_alarm_id(std::string_view id);

// The time that an id begins with. REQUIRES: is_alarm_id.
[[nodiscard]] WallTime alarm_id_time(std::string_view id);

// "2026-11-21T08:00:00.000Z", as append_wall_time writes it.
[[nodiscard]] std::optional<WallTime> parse_wall_time(std::string_view text);

// Fields of docs/cameras-api.md's ALARM; `clip` and `thumbnail` stay empty, unknown keys are
// skipped, missing ones but "id" and "time" have their defaults.
//
// Errors   kCorruptInput: not such an object; `name` stands in the message.
[[nodiscard]] Result<Alarm> parse_alarm(std::string_view json, std::string_view name);

}  // namespace shoal
