// What a call may ask for beside its pictures: the names of the query, and of fields of a form.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/request.h"
#include "shoal/result.h"

namespace shoal {

struct DetectOptions {
  std::optional<float> confidence;   // conf: least score, in [0, 1]
  std::vector<std::string> classes;  // classes: numbers or names; empty: all
  bool annotated = false;            // format=image
  Priority priority = Priority::kNormal;
  std::optional<std::chrono::milliseconds> timeout;  // timeout_ms, from the request's first byte
};

// Whether `name` is one of them.
[[nodiscard]] bool is_detect_option(std::string_view name);

// Sets one; a later one of the same name replaces it, of `classes` adds to it.
// Errors   invalid_argument: an unknown name, with the nearest known one; a value that is not
//          allowed, with what is.
[[nodiscard]] Result<void> set_detect_option(DetectOptions& options, std::string_view name,
                                             std::string_view value);

// `classes` as class numbers, sorted. A text of digits is a number, anything else a name.
// Errors   invalid_argument: one that the model does not have.
[[nodiscard]] Result<std::vector<int>> class_numbers(const std::vector<std::string>& classes,
                                                     const std::vector<std::string>& class_names);

}  // namespace shoal
