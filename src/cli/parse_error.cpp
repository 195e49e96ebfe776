#include "cli/parse_error.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace shoal {
namespace {

// What stands in --help for a value, in words.
std::string expected_value(const CLI::Option& option) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kWords = {{
      {"N", "a whole number"},
      {"P", "a number from 0 to 1"},
      {"S", "seconds"},
      {"N,N", "whole numbers with commas between them"},
  }};
  const std::string type = option.get_type_name();
  for (const auto& [name, words] : kWords) {
    if (type == name) return std::string(words);
  }
  return type.empty() ? std::string("a value") : type;
}

const CLI::Option* option_in(const CLI::App* verb, std::string_view message) {
  const CLI::Option* found = nullptr;
  std::size_t longest = 0;
  if (verb == nullptr) return nullptr;
  for (const CLI::Option* option : verb->get_options()) {
    const std::string name = option->get_name();
    const bool longer = name.size() > longest && message.find(name) != std::string_view::npos;
    if (!longer) continue;
    found = option;
    longest = name.size();
  }
  return found;
}

std::string got(const CLI::Option& option) {
  return fmt::format("'{}'", fmt::join(option.results(), ","));
}

}  // namespace

std::string describe_parse_error(const CLI::ParseError& error, const CLI::App* verb) {
  const std::string message = error.what();
  const std::string prefix = verb == nullptr ? std::string() : verb->get_name() + ": ";
  const CLI::Option* option = option_in(verb, message);
  if (option == nullptr) return prefix + message;
  const std::string name = option->get_name();
  const std::string kind = error.get_name();
  const bool flag = option->get_items_expected_max() == 0;
  if (kind == "RequiredError") {
    const std::string& about = option->get_description();
    return fmt::format("{}expected {} {}{}", prefix, name, option->get_type_name(),
                       about.empty() ? "" : " (" + about + ")");
  }
  if (flag) return fmt::format("{}{} takes no value", prefix, name);
  if (kind == "ArgumentMismatch" && option->results().size() > 1) {
    return fmt::format("{}{}: expected it once, got it {} times", prefix, name,
                       option->results().size());
  }
  if (kind == "ArgumentMismatch") {
    return fmt::format("{}{}: expected {} behind it, got nothing", prefix, name,
                       expected_value(*option));
  }
  if (kind == "ConversionError") {
    return fmt::format("{}{}: expected {}, got {}", prefix, name, expected_value(*option),
                       got(*option));
  }
  // "--batch: Value 0 not in range 1 to 1024"
  constexpr std::string_view kRange = " not in range ";
  if (const auto range = message.find(kRange); range != std::string::npos) {
    return fmt::format("{}{}: expected {}, got {}", prefix, name,
                       message.substr(range + kRange.size()), got(*option));
  }
  return prefix + message;
}

}  // namespace shoal
