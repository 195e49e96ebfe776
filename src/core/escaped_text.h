// Text of others on a line of ours: nothing in it may end the line, move the cursor or turn the
// order of what is read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shoal {

// Of one well-formed UTF-8 sequence, as utf8_sequence() measures it.
[[nodiscard]] char32_t code_point(std::string_view sequence);

// Control characters (C0, DEL, C1), line and paragraph separators, characters that turn the
// direction of writing, and bytes that are no UTF-8, as \n, \t, \x1b, \u202e; everything else as it
// is.
[[nodiscard]] std::string escaped(std::string_view text);

// At most about `bytes` of it, whole characters, then "... (10,000,000 bytes)": for messages that
// quote what somebody sent.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes = 80);

}  // namespace shoal
