// Alarms of the configuration against the language of their conditions.
#pragma once

#include "pipeline/site_config.h"
#include "shoal/result.h"

namespace shoal {

// The condition can be read. Messages begin with the key.
// Errors   invalid_argument, with the column and what was expected.
[[nodiscard]] Result<void> check_alarm(const AlarmConfig& alarm);

}  // namespace shoal
