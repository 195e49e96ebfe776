// A failed allocation as data: the border at which std::bad_alloc becomes an Error.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "shoal/result.h"

namespace shoal {

// "CONTEXT: memory is short", or what fits without another allocation.
[[nodiscard]] inline Error out_of_memory(std::string_view context) noexcept {
  try {
    return {ErrorCode::kOutOfMemory, std::string(context) + ": memory is short"};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kOutOfMemory, "out of memory"};  // 13 letters lie in the string itself
  }
}

// Runs `body`, which returns a Result; where an allocation in it throws, that is kOutOfMemory.
template <typename Body>
[[nodiscard]] auto guarding_memory(std::string_view context, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const std::bad_alloc&) {
    return out_of_memory(context);
  }
}

}  // namespace shoal
