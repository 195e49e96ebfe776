// The JSON object of one answer, as it stands in lines of `--json` and in answers of the service.
// The shape is part of Shoal's interface and does not change.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "core/outcome.h"

namespace shoal {

// Appends {"source":...}, without a line's end: detections and what they cost, or the error. Boxes
// carry 2 decimals (pixels), confidence 4, times 3 (ms), `time` 6 (seconds since the stream's
// start). Text that is not UTF-8 gets U+FFFD in its place. A class beyond the end of `class_names`
// is named "class_7". `label` is scratch room whose capacity is kept.
//
// Cost     no allocation once both buffers have grown.
void append_answer_json(fmt::memory_buffer& out, const Outcome& outcome,
                        const std::vector<std::string>& class_names, std::string& label);

// Parts of it, for objects that say more: "error":{...}; {"name":...,"track_id":3 without the
// closing brace; {"decode":...}.
void append_error_member(fmt::memory_buffer& out, const Error& error);
void append_detection_members(fmt::memory_buffer& out, const Detection& detection,
                              const std::vector<std::string>& class_names, std::string& label);
void append_times_json(fmt::memory_buffer& out, const StageTimes& times);

}  // namespace shoal
