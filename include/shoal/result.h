// Errors as data: Error, ErrorCode, Result<T> and SHOAL_TRY. No exceptions cross a folder of Shoal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace shoal {

// What the caller does next decides the code; the message says what, which, expected and got.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,   // the caller asked for something that can never work: change the call
  kNotFound,          // a file, model or name does not exist
  kUnsupported,       // well-formed, but Shoal cannot do it: the message says what to do instead
  kCorruptInput,      // this item's bytes are damaged: skip the item
  kOutOfMemory,       // an allocation failed or a limit was met: ask for less
  kQueueFull,         // refused by a bounded queue: try again later
  kDeadlineExceeded,  // the answer would have come too late
  kCancelled,         // the caller, or a shutdown, withdrew the work
  kUnavailable,       // a disk, network or device does not answer now: try again later
  kDeviceLost,        // the accelerator's context is dead: restart the process
  kInternal,          // a defect of Shoal: report it
};

// The code as it stands in JSON and logs, for example "corrupt_input".
[[nodiscard]] constexpr std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid_argument";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kCorruptInput: return "corrupt_input";
    case ErrorCode::kOutOfMemory: return "out_of_memory";
    case ErrorCode::kQueueFull: return "queue_full";
    case ErrorCode::kDeadlineExceeded: return "deadline_exceeded";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kDeviceLost: return "device_lost";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

// A value or an Error. The member names are std::expected's, so that a later switch is one `using`.
//
// Errors   reading the value of an error, or the error of a value, is a programmer's mistake and
//          throws std::bad_variant_access, which ends the process.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] T& operator*() & { return std::get<0>(state_); }
  [[nodiscard]] const T& operator*() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
  [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }
  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value: `return {};`, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  void operator*() const {}
  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace shoal

// Evaluates to the value of a Result, or returns its Error from the enclosing function:
// `auto engine = SHOAL_TRY(load_engine(path));`
#define SHOAL_TRY(expression)                                          \
  __extension__({                                                      \
    auto shoal_try_result = (expression);                              \
    if (!shoal_try_result) return std::move(shoal_try_result).error(); \
    *std::move(shoal_try_result);                                      \
  })
