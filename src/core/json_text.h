// JSON written straight into a buffer that is kept, so that a line costs no allocation. Reading
// JSON, and documents built as trees, are Boost.JSON's.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "shoal/geometry.h"

namespace shoal {

// Quotes and escapes. Bytes that are not UTF-8 (overlong forms and surrogates too) become U+FFFD,
// one for each byte that cannot be read.
void append_json_string(fmt::memory_buffer& out, std::string_view text);

// At most `decimals` decimals, at least one: 747.0, 17.1, 0.4375. Not finite: null.
void append_json_number(fmt::memory_buffer& out, double value, int decimals);

// {"x1":1.0,"y1":2.0,"x2":30.0,"y2":40.0}: pixels with at most 2 decimals.
void append_json_box(fmt::memory_buffer& out, const Box<SourceSpace>& box);

// Length of the well-formed UTF-8 sequence that `text` starts with, or 0.
[[nodiscard]] std::size_t utf8_sequence(std::string_view text);

inline void append_text(fmt::memory_buffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

[[nodiscard]] inline std::string_view view_of(const fmt::memory_buffer& buffer) {
  return {buffer.data(), buffer.size()};
}

}  // namespace shoal
