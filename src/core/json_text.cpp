// Escaping by RFC 8259, UTF-8 by the Unicode Standard's table 3-7.
#include "core/json_text.h"

#include <cmath>
#include <iterator>

namespace shoal {

std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xBF; };
  const unsigned first = byte(0);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void append_json_string(fmt::memory_buffer& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const char c = text.front();
    if (length == 0) {
      append_text(out, "\xEF\xBF\xBD");
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      append_text(out, "\\n");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      append_text(out, text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
}

void append_json_number(fmt::memory_buffer& out, double value, int decimals) {
  if (!std::isfinite(value)) {
    append_text(out, "null");
    return;
  }
  const std::size_t start = out.size();
  fmt::format_to(std::back_inserter(out), "{:.{}f}", value, decimals);
  std::size_t end = out.size();
  while (out[end - 1] == '0' && out[end - 2] != '.') --end;
  out.resize(end);
  if (std::string_view(out.data() + start, end - start) == "-0.0") {
    out.resize(start);
    append_text(out, "0.0");
  }
}

void append_json_box(fmt::memory_buffer& out, const Box<SourceSpace>& box) {
  append_text(out, R"({"x1":)");
  append_json_number(out, box.x1, 2);
  append_text(out, R"(,"y1":)");
  append_json_number(out, box.y1, 2);
  append_text(out, R"(,"x2":)");
  append_json_number(out, box.x2, 2);
  append_text(out, R"(,"y2":)");
  append_json_number(out, box.y2, 2);
  out.push_back('}');
}

}  // namespace shoal
