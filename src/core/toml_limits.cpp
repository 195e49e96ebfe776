// Knows as much of TOML as it takes to tell keys from strings and comments.
#include "core/toml_limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace shoal {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Result<void> scan() {
    std::size_t dots = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      if (c == '#') {
        skip_to_line_end();
        continue;
      }
      ++at_;
      if (c == '\n') ++line_;
      // What may stand in a key beside its dots is a word, a string or blanks.
      const bool ends = c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' ||
                        c == '}';
      if (ends) dots = 0;
      if (c == '.' && ++dots >= kTomlKeyParts) {
        return Error{ErrorCode::kCorruptInput,
                     fmt::format("line {}: a key of more than {} parts; expected keys such as "
                                 "section.key", line_, kTomlKeyParts)};
      }
    }
    return {};
  }

 private:
  void skip_to_line_end() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  // One line, or several between three quotation marks. What is not closed ends with its line, as
  // the parser has it: what looks like a key behind it is looked at.
  void skip_string(char quote) {
    const std::string_view rest = text_.substr(at_);
    const bool block = rest.size() >= 3 && rest[1] == quote && rest[2] == quote;
    at_ += block ? 3 : 1;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n' && !block) return;
      if (c == '\n') ++line_;
      if (c == '\\' && quote == '"') {
        at_ += at_ + 1 < text_.size() && text_[at_ + 1] != '\n' ? 2 : 1;
        continue;
      }
      if (c != quote) {
        ++at_;
        continue;
      }
      const std::size_t run = count_of(quote);
      if (!block || run >= 3) {
        at_ += block ? run : 1;  // up to two more belong to the text
        return;
      }
      at_ += run;
    }
  }

  [[nodiscard]] std::size_t count_of(char quote) const {
    std::size_t run = 0;
    while (at_ + run < text_.size() && text_[at_ + run] == quote && run < 5) ++run;
    return run;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

Result<void> check_toml_limits(std::string_view text) {
  if (text.size() > kTomlBytesMax) {
    return Error{ErrorCode::kCorruptInput,
                 fmt::format("expected at most {} MiB, got {} bytes", kTomlBytesMax >> 20,
                             text.size())};
  }
  return Scanner(text).scan();
}

}  // namespace shoal
