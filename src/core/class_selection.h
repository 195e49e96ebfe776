// Classes as people write them: numbers or names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

// The word as a class number; nothing where it is none.
[[nodiscard]] std::optional<int> class_number(std::string_view word);

// Numbers of the classes, ascending, each once. A word is a number where the model has so many
// classes, else a name.
//
// Errors   invalid_argument, begins with `option`: a class that the model does not have, with what
//          may be meant, or with the names that there are.
[[nodiscard]] Result<std::vector<int>> class_numbers_of(const std::vector<std::string>& words,
                                                        const std::vector<std::string>& class_names,
                                                        std::string_view option);

}  // namespace shoal
