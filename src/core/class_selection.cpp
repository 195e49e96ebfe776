#include "core/class_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "core/suggest.h"

namespace shoal {
namespace {

constexpr std::size_t kNamesShown = 10;

std::string known_names(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kNamesShown);
  std::string text = fmt::format("{}", fmt::join(std::span(names).first(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace

std::optional<int> class_number(std::string_view word) {
  int number = 0;
  const char* end = word.data() + word.size();
  const auto [behind, error] = std::from_chars(word.data(), end, number);
  return error == std::errc() && behind == end ? std::optional(number) : std::nullopt;
}

Result<std::vector<int>> class_numbers_of(const std::vector<std::string>& words,
                                          const std::vector<std::string>& class_names,
                                          std::string_view option) {
  std::vector<int> numbers;
  for (const std::string& word : words) {
    const std::optional<int> number = class_number(word);
    if (number && *number >= 0 && static_cast<std::size_t>(*number) < class_names.size()) {
      numbers.push_back(*number);
      continue;
    }
    const auto named = std::find(class_names.begin(), class_names.end(), word);
    if (named == class_names.end()) {
      const std::vector<std::string_view> known(class_names.begin(), class_names.end());
      const std::string meant = number ? std::string() : suggestion(word, known);
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: the model has no class '{}'{}; expected 0 to {} or a name: {}",
                               option, word, meant, class_names.size() - 1,
                               known_names(class_names))};
    }
    numbers.push_back(static_cast<int>(named - class_names.begin()));
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace shoal
