// The error of what a caller may not ask for.
#pragma once

#include <string>
#include <utility>

#include "shoal/result.h"

namespace shoal {

[[nodiscard]] inline Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

}  // namespace shoal
