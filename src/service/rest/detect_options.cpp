#include "service/rest/detect_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/class_selection.h"
#include "core/suggest.h"

namespace shoal {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"classes", "conf", "format", "priority",
                                                    "timeout_ms"};
constexpr std::int64_t kTimeoutMaxMs = 86'400'000;  // a day

Error bad_value(std::string_view name, std::string_view value, std::string_view expected) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("{}: got '{}', expected {}", name, value, expected)};
}

// The whole text as a number, without blanks or a plus sign.
template <typename Number>
bool is_number(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && behind == end;
}

Result<void> set_confidence(DetectOptions& options, std::string_view value) {
  double confidence = 0;  // as a float, the next number above 1 would be 1
  if (!is_number(value, confidence) || !(confidence >= 0 && confidence <= 1)) {
    return bad_value("conf", value, "a number from 0 to 1");
  }
  options.confidence = static_cast<float>(confidence);
  return {};
}

Result<void> add_classes(DetectOptions& options, std::string_view value) {
  while (true) {
    const auto comma = std::min(value.find(','), value.size());
    if (comma == 0) return bad_value("classes", value, "class numbers or names, as in 0,2,7");
    options.classes.emplace_back(value.substr(0, comma));
    if (comma == value.size()) return {};
    value.remove_prefix(comma + 1);
  }
}

Result<void> set_priority(DetectOptions& options, std::string_view value) {
  for (std::size_t i = 0; i < kPriorityCount; ++i) {
    const auto priority = static_cast<Priority>(i);
    if (value != to_string(priority)) continue;
    options.priority = priority;
    return {};
  }
  return bad_value("priority", value, "realtime, high, normal or low");
}

}  // namespace

bool is_detect_option(std::string_view name) { return std::ranges::count(kNames, name) > 0; }

Result<void> set_detect_option(DetectOptions& options, std::string_view name,
                               std::string_view value) {
  if (name == "conf") return set_confidence(options, value);
  if (name == "classes") return add_classes(options, value);
  if (name == "priority") return set_priority(options, value);
  if (name == "format") {
    if (value != "json" && value != "image") return bad_value(name, value, "json or image");
    options.annotated = value == "image";
    return {};
  }
  if (name == "timeout_ms") {
    std::int64_t ms = 0;
    if (!is_number(value, ms) || ms < 1 || ms > kTimeoutMaxMs) {
      return bad_value(name, value, "1 to 86400000 ms");
    }
    options.timeout = std::chrono::milliseconds(ms);
    return {};
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("unknown option '{}'{}; expected classes, conf, format, priority or "
                           "timeout_ms", name, suggestion(name, kNames))};
}

Result<std::vector<int>> class_numbers(const std::vector<std::string>& classes,
                                       const std::vector<std::string>& class_names) {
  return class_numbers_of(classes, class_names, "classes");
}

}  // namespace shoal
