// From characters to words.
#include "track/alarm_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/json_text.h"

namespace shoal {
namespace {

constexpr std::size_t kBytesMax = 4096;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<AlarmToken>> read() {
    if (text_.size() > kBytesMax) {
      return alarm_error(1, fmt::format("{} bytes; expected at most {}", text_.size(), kBytesMax));
    }
    for (;;) {
      while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
      token_ = AlarmToken{.column = column()};
      if (at_ == text_.size()) break;
      SHOAL_TRY(read_one());
      tokens_.push_back(std::move(token_));
    }
    tokens_.push_back(std::move(token_));
    return std::move(tokens_);
  }

 private:
  // Characters, not bytes: bytes that continue a character are not counted.
  std::size_t column() const {
    return 1 + static_cast<std::size_t>(
                   std::count_if(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                 [](char c) { return (c & 0xC0) != 0x80; }));
  }

  Result<void> read_one() {
    const char c = text_[at_];
    if (is_letter(c)) {
      token_.kind = AlarmToken::Kind::kWord;
      while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) {
        token_.text += text_[at_++];
      }
      return {};
    }
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
      return read_number();
    }
    if (c == '\'' || c == '"') return read_name(c);
    return read_symbol();
  }

  Result<void> read_number() {
    token_.kind = AlarmToken::Kind::kNumber;
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
    token_.text = text_.substr(begin, at_ - begin);
    const char* end = token_.text.data() + token_.text.size();
    const auto parsed =
        std::from_chars(token_.text.data(), end, token_.number, std::chars_format::fixed);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return alarm_error(token_.column, fmt::format("expected a number; got {}", token_.text));
    }
    return {};
  }

  Result<void> read_name(char quote) {
    token_.kind = AlarmToken::Kind::kName;
    ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
      const std::size_t length = utf8_sequence(text_.substr(at_));
      if (length == 0) return alarm_error(column(), "a name that is not UTF-8");
      token_.text += text_.substr(at_, length);
      at_ += length;
    }
    if (at_ == text_.size()) {
      return alarm_error(token_.column, fmt::format("a name without its closing {}", quote));
    }
    ++at_;
    return {};
  }

  Result<void> read_symbol() {
    token_.kind = AlarmToken::Kind::kSymbol;
    const std::string_view rest = text_.substr(at_);
    for (const std::string_view symbol : {"==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]",
                                          ","}) {
      if (!rest.starts_with(symbol)) continue;
      token_.text = symbol;
      at_ += symbol.size();
      return {};
    }
    if (rest.starts_with("=")) return alarm_error(token_.column, "expected ==; got =");
    if (rest.starts_with("&&")) return alarm_error(token_.column, "expected and; got &&");
    if (rest.starts_with("||")) return alarm_error(token_.column, "expected or; got ||");
    if (rest.starts_with("!")) return alarm_error(token_.column, "expected not or !=; got !");
    if (rest.starts_with("-")) return alarm_error(token_.column, "no number here is negative");
    const std::size_t length = utf8_sequence(rest);
    if (length == 0) return alarm_error(token_.column, "bytes that are not UTF-8");
    return alarm_error(token_.column,
                       fmt::format("nothing begins with {}", rest.substr(0, length)));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  AlarmToken token_;
  std::vector<AlarmToken> tokens_;
};

}  // namespace

Result<std::vector<AlarmToken>> read_alarm_tokens(std::string_view text) {
  return Reader(text).read();
}

Error alarm_error(std::size_t column, std::string_view problem) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("alarm condition, column {}: {}", column, problem)};
}

}  // namespace shoal
