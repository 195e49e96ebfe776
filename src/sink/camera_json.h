// The JSON object of one analysed frame of a camera: the lines of the jsonl sink. Part of Shoal's
// interface (docs/storage.md); the keys of `detect --json` mean the same here.
#pragma once

#include <fmt/format.h>

#include <string>

#include "core/camera_result.h"

namespace shoal {

// Appends {"camera":...,"time":...,...}, without a line's end. `label` is scratch room whose
// capacity is kept.
//
// Cost     no allocation once both buffers have grown.
void append_camera_json(fmt::memory_buffer& out, const CameraResult& result, std::string& label);

}  // namespace shoal
