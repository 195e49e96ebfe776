// ASCII letters, whatever the locale.
#pragma once

#include <string>
#include <string_view>

namespace shoal {

// A to Z as a to z; every other byte as it is.
[[nodiscard]] inline std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return low;
}

// 0 to 15, or -1 where it is no digit of a hexadecimal number.
[[nodiscard]] constexpr int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

}  // namespace shoal
