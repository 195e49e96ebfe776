// Files with keys and passwords: what every user of the machine can read is no secret.
#pragma once

#include <string>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

// Errors   invalid_argument: users beside the owner and the group can read or write the file; the
//          message begins with `what` and gives the line that mends it. A file that is not there or
//          cannot be asked is no error here: who reads it says so.
[[nodiscard]] Result<void> check_private_file(std::string_view what, const std::string& path);

}  // namespace shoal
