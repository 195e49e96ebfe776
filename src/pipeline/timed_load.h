// Loading a model with an end: no load holds up others for longer than its time, and a caller that
// goes away does not wait. Compiling cannot be interrupted, so a load that takes too long is left
// behind on its thread, and counted until it ends.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/engine_load.h"
#include "shoal/result.h"

namespace shoal {

// load_engine() on a thread of its own, which owns copies of its arguments.
//
// Errors   those of load_engine; deadline_exceeded after options.load.timeout; cancelled after
//          options.load.stop; unavailable: a load of the same path was left behind and has not
//          ended, or as many as options.load.at_once were.
// Threads  any; beyond options.load.at_once callers wait for their turn.
[[nodiscard]] Result<std::unique_ptr<Engine>> load_engine_in_time(const ModelSource& source,
                                                                  const EngineOptions& options,
                                                                  const AcceptModel& accept = {});

// Loads that were left behind and still run. Where there are any, the process has to end without
// tearing down what they use: std::_Exit.
[[nodiscard]] int loads_left_behind();

namespace internal {

// The same with something else that loads, for tests.
using Loading = std::function<Result<std::unique_ptr<Engine>>()>;
[[nodiscard]] Result<std::unique_ptr<Engine>> load_in_time(const std::string& path,
                                                           const LoadLimits& limits,
                                                           Loading loading);

}  // namespace internal
}  // namespace shoal
