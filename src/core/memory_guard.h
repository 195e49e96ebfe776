// A failed allocation as data: the border at which std::bad_alloc becomes an Error.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "shoal/result.h"

namespace shoal {

// An Error where nothing may throw. Without memory for its message: the code alone, with a text so
// short that it lies in the string itself.
[[nodiscard]] inline Error error_or_short(ErrorCode code, std::string_view message) noexcept {
  try {
    return {code, std::string(message)};
  } catch (const std::bad_alloc&) {
    return {code, "out of memory"};
  }
}

// "CONTEXT: memory is short", or what fits without another allocation.
[[nodiscard]] inline Error out_of_memory(std::string_view context) noexcept {
  try {
    return {ErrorCode::kOutOfMemory, std::string(context) + ": memory is short"};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kOutOfMemory, "out of memory"};
  }
}

// What a caller is told whose work failed because memory was short just then: to try again later.
// kOutOfMemory asks it for less, which is right where a limit was met and wrong here.
[[nodiscard]] inline Error try_again_later(Error error) noexcept {
  if (error.code == ErrorCode::kOutOfMemory) error.code = ErrorCode::kUnavailable;
  return error;
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
