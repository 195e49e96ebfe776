#include "core/escaped_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/json_text.h"

namespace shoal {
namespace {

bool is_dangerous(char32_t c) {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return true;
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7F; }

}  // namespace

char32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  char32_t value = byte(0) & (0x7FU >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) value = value << 6U | (byte(i) & 0x3FU);
  return value;
}

std::string escaped(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out;
  out.reserve(text.size() + 16);
  auto end = std::back_inserter(out);
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const char32_t c = length == 0 ? 0 : code_point(text.substr(0, length));
    if (length == 0) {
      fmt::format_to(end, "\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else if (!is_dangerous(c)) {
      out += text.substr(0, length);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else {
      fmt::format_to(end, "\\{}{:0{}x}", c < 0x80 ? 'x' : 'u', static_cast<unsigned>(c),
                     c < 0x80 ? 2 : 4);
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  std::size_t end = 0;
  while (end < bytes) end += std::max<std::size_t>(1, utf8_sequence(text.substr(end)));
  return fmt::format("{}... ({} bytes)", text.substr(0, end), text.size());
}

}  // namespace shoal
