// DeepStream's REST forms for adding, removing and listing streams: its clients keep working.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "pipeline/camera_control.h"
#include "shoal/result.h"

namespace shoal {

struct DeepStreamChange {
  std::string id;   // camera_id: the camera's name here
  std::string url;  // camera_url; of an addition
};

// {"key":"sensor","value":{"camera_id":...,"camera_name":...,"camera_url":...,
//  "change":"camera_add"|"camera_remove","metadata":{...}},"headers":{...}}
// What else it holds is not looked at.
// Errors   corrupt_input (not JSON), invalid_argument (what, expected, got).
[[nodiscard]] Result<DeepStreamChange> read_stream_change(std::string_view body, bool add);

// What is answered when it is done.
[[nodiscard]] std::string stream_changed_text(bool added);
[[nodiscard]] std::string stream_info_text(std::span<const CameraStatus> cameras);

}  // namespace shoal
