// Columns by Unicode's East Asian Width, as far as names of files and classes need it.
#include "cli/display_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/escaped_text.h"
#include "core/json_text.h"

namespace shoal {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Wide: Hangul Jamo, CJK, kana, Hangul, full-width forms, pictographs.
constexpr std::array<Range, 8> kWide = {{{0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0xA4CF},
                                         {0xAC00, 0xD7A3}, {0xF900, 0xFAFF}, {0xFF00, 0xFF60},
                                         {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD}}};
// No width of their own: combining marks, zero-width characters, variation selectors.
constexpr std::array<Range, 5> kNarrow = {{{0x0300, 0x036F}, {0x0591, 0x05BD}, {0x064B, 0x065F},
                                           {0x200B, 0x200F}, {0xFE00, 0xFE0F}}};

template <std::size_t N>
bool is_in(char32_t c, const std::array<Range, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

int width_of(char32_t c) { return is_in(c, kWide) ? 2 : is_in(c, kNarrow) ? 0 : 1; }

// The bytes of the longest start of `text` that takes at most `columns`.
std::size_t bytes_within(std::string_view text, int columns) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence(text.substr(bytes)));
    columns -= width_of(code_point(text.substr(bytes, length)));
    if (columns < 0) break;
    bytes += length;
  }
  return bytes;
}

}  // namespace

std::string with_thousands(std::int64_t value) {
  std::string digits = std::to_string(value);
  const std::ptrdiff_t first = value < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string rate_text(double rate) {
  if (rate >= 99.95) return with_thousands(std::llround(rate));
  return fmt::format("{:.{}f}", rate, rate >= 9.995 ? 1 : rate >= 0.9995 ? 2 : 3);
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string duration_text(double seconds) {
  if (seconds < 0.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const std::int64_t whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string bytes_text(std::int64_t bytes) {
  const double mebibytes = static_cast<double>(bytes) / (1024.0 * 1024.0);
  if (mebibytes < 999.5) return fmt::format("{:.0f} MiB", mebibytes);
  return fmt::format("{:.1f} GiB", mebibytes / 1024);
}

std::string printable(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const char32_t c = length == 0 ? 0 : code_point(text.substr(0, length));
    if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      clean += "\xEF\xBF\xBD";
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return clean;
}

int columns_of(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence(text));
    columns += width_of(code_point(text.substr(0, length)));
    text.remove_prefix(length);
  }
  return columns;
}

std::vector<std::string> wrapped(std::string_view text, int columns) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    std::size_t take = bytes_within(text, columns);
    std::size_t skip = 0;
    if (take < text.size()) {
      // Back to the last blank, unless one word fills the line.
      const std::size_t blank = text.substr(0, take + 1).rfind(' ');
      if (blank != std::string_view::npos && blank > 0) {
        take = blank;
        skip = 1;
      }
    }
    lines.back() = std::string(text.substr(0, take));
    text.remove_prefix(std::min(take + skip, text.size()));
    if (!text.empty()) lines.emplace_back();
  }
  return lines;
}

}  // namespace shoal
