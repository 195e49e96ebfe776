// Single levels of the log, for who wants what is less severe without what is more so.
#pragma once

#include "core/log.h"

namespace shoal {

// Prints the lines of one level, or does not. set_log_level() sets all of them anew.
// Threads: any, at any time. kOff is no level of a line: nothing happens.
void set_log_enabled(LogLevel level, bool enabled);

}  // namespace shoal
