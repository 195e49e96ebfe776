// Times of the world as text, for people and other machines.
#pragma once

#include <fmt/format.h>

#include "core/camera_result.h"

namespace shoal {

// Appends "2026-11-21T08:00:00.000Z": ISO 8601, UTC, milliseconds (cut, not rounded), no quotes.
// Years 0 to 9999; others are clamped.
void append_wall_time(fmt::memory_buffer& out, WallTime time);

}  // namespace shoal
