#include "service/rest/extended_value.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace shoal {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// %C3 as its byte; a '%' that begins nothing is one.
void append_decoded(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
}

void append_utf8(std::string& out, std::uint32_t letter) {
  if (letter < 0x80) {
    out.push_back(static_cast<char>(letter));
  } else if (letter < 0x800) {
    out.push_back(static_cast<char>(0xC0 | letter >> 6));
    out.push_back(static_cast<char>(0x80 | (letter & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | letter >> 12));
    out.push_back(static_cast<char>(0x80 | (letter >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (letter & 0x3F)));
  }
}

// The length of the well-formed UTF-8 sequence that `text` begins with; 0 where it does not.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Not in their shortest form, surrogates, beyond Unicode.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

std::string from_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out.push_back('?');
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

// windows-1252 from 0x80 to 0x9F, which ISO-8859-1 has control characters at: clients that say the
// one mean the other.
constexpr std::array<std::uint16_t, 32> kWindows = {
    0x20AC, '?',    0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, '?',    0x017D, '?',    '?',    0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, '?',    0x017E, 0x0178};

std::string from_latin(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    append_utf8(out, byte >= 0x80 && byte < 0xA0 ? kWindows[byte - 0x80U] : byte);
  }
  return out;
}

std::string ascii_of(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return out;
}

}  // namespace

void ExtendedValue::take(std::string_view key, std::string_view value) {
  if (!key.starts_with(name_) || key.size() == name_.size() || key[name_.size()] != '*') return;
  key.remove_prefix(name_.size() + 1);
  const bool whole = key.empty();  // name*
  const bool encoded = whole || key.ends_with('*');
  if (encoded && !whole) key.remove_suffix(1);
  if (whole) {
    pieces_ = 0;
    bytes_.clear();
  } else if (key != std::to_string(pieces_)) {
    return;
  } else {
    ++pieces_;
  }
  found_ = true;
  if (!encoded) {
    bytes_.append(value);
    return;
  }
  // charset'language'text; pieces behind the first have the text alone.
  if (whole || pieces_ == 1) {
    const auto language = value.find('\'');
    const auto text =
        language == std::string_view::npos ? language : value.find('\'', language + 1);
    if (text != std::string_view::npos) {
      charset_ = value.substr(0, language);
      for (char& c : charset_) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      }
      value.remove_prefix(text + 1);
    }
  }
  append_decoded(bytes_, value);
}

std::optional<std::string> ExtendedValue::text() const {
  if (!found_) return std::nullopt;
  if (charset_.empty() || charset_ == "utf-8" || charset_ == "utf8") return from_utf8(bytes_);
  for (const std::string_view latin :
       {"iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252", "cp1252"}) {
    if (charset_ == latin) return from_latin(bytes_);
  }
  return ascii_of(bytes_);
}

}  // namespace shoal
