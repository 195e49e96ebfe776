// Words and numbers as a terminal shows them: columns, wrapping, units. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shoal {

// 1234567 -> "1,234,567".
[[nodiscard]] std::string with_thousands(std::int64_t value);

// Three or so digits: 0.052, 4.21, 40.1, 318, 23,103.
[[nodiscard]] std::string rate_text(double rate);

// 65 s -> "1:05"; 3,700 s -> "1:01:40".
[[nodiscard]] std::string clock_text(double seconds);

// 0.31 s, 3.2 s, 2 min 05 s, 1 h 02 min.
[[nodiscard]] std::string duration_text(double seconds);

// 161 MiB, 1.4 GiB.
[[nodiscard]] std::string bytes_text(std::int64_t bytes);

// Safe to print: control characters and bytes that are not UTF-8 become U+FFFD. File names and
// class names come from outside, and could otherwise steer the terminal.
[[nodiscard]] std::string printable(std::string_view text);

// Columns that printable text takes: wide characters of East Asia take two, combining ones none.
[[nodiscard]] int columns_of(std::string_view text);

// Lines of at most `columns`, broken at blanks; a word that is longer is broken inside. At least
// one line. REQUIRES: columns >= 2.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, int columns);

}  // namespace shoal
