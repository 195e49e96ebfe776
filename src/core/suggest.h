// "unknown option 'btach'; did you mean 'batch'?": the nearest of the known names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace shoal {

// Levenshtein distance in bytes.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// "; did you mean 'x'?" for the nearest name within a third of the word's length, else "".
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> known);

}  // namespace shoal
