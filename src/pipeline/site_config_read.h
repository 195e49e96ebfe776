// Cameras to and from JSON and TOML, with the keys of [[camera]] and the messages of the file: for
// doors that change cameras while they run, and for the state file.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/site_config.h"
#include "pipeline/site_config_check.h"
#include "shoal/result.h"

namespace shoal {

enum class Passwords { kHidden, kShown };  // in URLs; hidden ones are "***"

// A JSON object with keys of [[camera]], over `base`: to add a camera or replace its configuration,
// base is CameraConfig{} (with the name, where the path has it); to change some keys, base is the
// camera as it is. A key that is null gets its default. `known_url` is the URL, with its password,
// of the camera that is replaced: what the body gives back as camera_to_json hid it, it has again.
//
// The answer has passed check_camera; whether the name is free and the model exists is the caller's
// to know.
// Errors   corrupt_input: not JSON; invalid_argument: "camera 'line-1': fps_max: expected a number
//          from 0 to 1000, got -1", an unknown key with a suggestion, everything of check_camera.
[[nodiscard]] Result<CameraConfig> camera_from_json(std::string_view body,
                                                    const CameraConfig& base,
                                                    const std::string& known_url = {});

// One line: an object with every key, in the order of the file; `conf` is null where not set.
[[nodiscard]] std::string camera_to_json(const CameraConfig& camera, Passwords passwords);

// "[[camera]]" and a line for each key that is not its default.
[[nodiscard]] std::string camera_to_toml(const CameraConfig& camera, Passwords passwords);

}  // namespace shoal
