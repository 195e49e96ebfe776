// What CLI11 found wrong, as sentences that name the verb, the option, what was expected and got.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace shoal {

// `verb`: the one that was being read, or nullptr.
[[nodiscard]] std::string describe_parse_error(const CLI::ParseError& error, const CLI::App* verb);

}  // namespace shoal
