// From a [[sink]] of the configuration to the sink itself: the one place that knows all types.
#pragma once

#include <memory>

#include "pipeline/site_config.h"
#include "shoal/result.h"
#include "sink/camera_sink.h"

namespace shoal {

// Files and folders are made and opened, secrets are read; brokers connect later.
//
// Errors   begin with the sink's name. invalid_argument: a type that does not exist, a path that
//          cannot be what it has to be, a secret's file without a first line; not_found: no such
//          file; unavailable: it cannot be written now.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> make_camera_sink(const SinkConfig& config);

}  // namespace shoal
