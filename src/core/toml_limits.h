// TOML of others before it is parsed: toml++ bounds lists and inline tables, and takes dotted keys
// of any depth, for which it calls itself until the stack is full.
#pragma once

#include <cstddef>
#include <string_view>

#include "shoal/result.h"

namespace shoal {

inline constexpr std::size_t kTomlBytesMax = std::size_t{64} << 20;
inline constexpr std::size_t kTomlKeyParts = 16;  // a.b.c has three

// Errors   corrupt_input: larger than kTomlBytesMax, or a key of more than kTomlKeyParts parts; the
//          message names the line.
// Cost     one pass; nothing is allocated.
[[nodiscard]] Result<void> check_toml_limits(std::string_view text);

}  // namespace shoal
