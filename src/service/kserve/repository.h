// A model repository as Triton lays it out: FOLDER/NAME/VERSION/model.onnx and, if need be,
// FOLDER/NAME/config.pbtxt. The highest version is served.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

// The model folders in `folder`, sorted. Folders that are no models' names are named in the log.
// Errors   not_found, unavailable.
[[nodiscard]] Result<std::vector<std::string>> repository_names(const std::string& folder);

// How one model of it is loaded: `base` with what its config.pbtxt says. Read anew each time, so
// that loading again takes what has changed. Fields that mean nothing here are named in the log.
//
// Errors   not_found: no such model, no version folder, no model file in the highest one;
//          invalid_argument, unsupported: its config.pbtxt, which the message names.
[[nodiscard]] Result<DetectorOptions> read_repository_model(const std::string& folder,
                                                            const std::string& name,
                                                            const DetectorOptions& base);

// All models that can be read; one that cannot is logged as an error and left out.
[[nodiscard]] Result<std::map<std::string, DetectorOptions>> read_repository(
    const std::string& folder, const DetectorOptions& base = {});

}  // namespace shoal
