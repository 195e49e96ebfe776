// A small bounded reader of Python and JSON literals, and of plain lists; not a general one.
#include "engine/class_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/json_text.h"

namespace shoal {
namespace {

constexpr std::size_t kNamesMax = 100'000;

// Source: COCO's instances_val2017.json, `categories` in ascending id.
constexpr std::array<std::string_view, 80> kCoco = {
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote",
    "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book",
    "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"};

// Appends a code point as UTF-8; what is none (a lone surrogate, NUL) as U+FFFD.
void append_utf8(std::string& out, std::uint32_t code) {
  constexpr std::uint32_t kReplacement = 0xFFFD;
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = kReplacement;
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | code >> 6U);
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | code >> 18U);
    put(0x80U | (code >> 12U & 0x3FU));
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

// The text with every byte that is not UTF-8, and NUL, replaced.
std::string as_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = text[at] == '\0' ? 0 : utf8_sequence(text.substr(at));
    if (length == 0) {
      append_utf8(out, 0);
      ++at;
    } else {
      out.append(text.substr(at, length));
      at += length;
    }
  }
  return out;
}

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

struct Item {
  std::string text;
  bool quoted = false;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool accept(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool finished() {
    skip_space();
    return at_ == text_.size();
  }
  [[nodiscard]] std::size_t position() const { return at_; }

  // A quoted text, or a bare word or number that ends before one of `ends`.
  std::optional<Item> item(std::string_view ends) {
    skip_space();
    const std::size_t begin = at_;
    bool raw = false;
    // Python's prefixes: u'..', r'..', b'..'.
    while (at_ < text_.size() && at_ < begin + 2 &&
           std::string_view("uUrRbB").find(text_[at_]) != std::string_view::npos) {
      raw = raw || text_[at_] == 'r' || text_[at_] == 'R';
      ++at_;
    }
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) return quoted(raw);
    at_ = begin;
    while (at_ < text_.size() && ends.find(text_[at_]) == std::string_view::npos) {
      if (std::string_view("{}[]()\"").find(text_[at_]) != std::string_view::npos) {
        return std::nullopt;
      }
      ++at_;
    }
    const std::string_view word = trimmed(text_.substr(begin, at_ - begin));
    if (word.empty()) return std::nullopt;
    return Item{as_utf8(word), false};
  }

 private:
  std::optional<Item> quoted(bool raw) {
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        if (raw) {
          value.append(text_.substr(at_, 2));
          at_ += 2;
        } else if (!escape(value)) {
          return std::nullopt;
        }
        continue;
      }
      value.push_back(text_[at_++]);
    }
    if (at_ >= text_.size()) return std::nullopt;
    ++at_;
    return Item{as_utf8(value), true};
  }

  // Hexadecimal digits, exactly `count`.
  std::optional<std::uint32_t> hexadecimal(std::size_t count) {
    if (text_.size() - at_ < count) return std::nullopt;
    std::uint32_t code = 0;
    const char* begin = text_.data() + at_;
    const auto read = std::from_chars(begin, begin + count, code, 16);
    if (read.ec != std::errc() || read.ptr != begin + count) return std::nullopt;
    at_ += count;
    return code;
  }

  bool code_point(std::string& value, std::size_t digits) {
    auto code = hexadecimal(digits);
    if (!code) return false;
    // JSON writes what lies above U+FFFF as two surrogates.
    if (*code >= 0xD800 && *code < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
      const std::size_t before = at_;
      at_ += 2;
      const auto low = hexadecimal(4);
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        code = 0x10000 + ((*code - 0xD800) << 10U) + (*low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    append_utf8(value, *code);
    return true;
  }

  // A backslash and what follows it, of Python and of JSON; they agree where both know it.
  bool escape(std::string& value) {
    const char kind = text_[at_ + 1];
    at_ += 2;
    constexpr std::string_view kShort = "abfnrtv";
    constexpr std::string_view kMeaning = "\a\b\f\n\r\t\v";
    if (const std::size_t at = kShort.find(kind); at != std::string_view::npos) {
      value.push_back(kMeaning[at]);
    } else if (kind == 'x') {
      return code_point(value, 2);
    } else if (kind == 'u') {
      return code_point(value, 4);
    } else if (kind == 'U') {
      return code_point(value, 8);
    } else if (kind >= '0' && kind <= '7') {
      std::uint32_t code = static_cast<std::uint32_t>(kind - '0');
      for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i) {
        code = code * 8 + static_cast<std::uint32_t>(text_[at_++] - '0');
      }
      append_utf8(value, code);
    } else if (kind == 'N' && at_ < text_.size() && text_[at_] == '{') {
      return false;  // a character by its Unicode name
    } else if (std::string_view("\\'\"/").find(kind) != std::string_view::npos) {
      value.push_back(kind);
    } else if (kind != '\n') {  // a line's end behind a backslash is nothing
      value.push_back('\\');    // as Python: not an escape at all
      value.push_back(kind);
    }
    return true;
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

Error stopped(const Reader& reader, std::string_view expected) {
  return {ErrorCode::kCorruptInput,
          fmt::format("class names: expected {} at character {}", expected, reader.position())};
}

Error broken(std::string what) {
  return {ErrorCode::kCorruptInput, "class names: " + std::move(what)};
}

struct Numbered {
  std::size_t number;
  std::string name;
};

// Numbers from 0 or from 1, each once.
Result<std::vector<std::string>> in_order(std::vector<Numbered> found) {
  std::sort(found.begin(), found.end(),
            [](const Numbered& a, const Numbered& b) { return a.number < b.number; });
  std::vector<std::string> names;
  names.reserve(found.size());
  const std::size_t first = found.empty() ? 0 : found.front().number;
  if (first > 1) return broken(fmt::format("the first number is {}; expected 0 or 1", first));
  for (Numbered& entry : found) {
    const std::size_t expected = names.size() + first;
    if (entry.number < expected) {
      return broken(fmt::format("number {} is there twice", entry.number));
    }
    if (entry.number > expected) {
      return broken(fmt::format("index {} is missing of {} to {}", expected, first,
                                found.back().number));
    }
    names.push_back(std::move(entry.name));
  }
  return names;
}

// "0: 'person'", or "'person': 0".
Result<std::vector<std::string>> read_map(Reader& reader) {
  std::vector<Numbered> by_key;
  std::vector<Numbered> by_value;
  std::size_t count = 0;
  while (!reader.accept('}')) {
    if (count > 0 && !reader.accept(',')) return stopped(reader, "','");
    if (reader.accept('}')) break;
    if (++count > kNamesMax) return broken(fmt::format("more than {}", kNamesMax));
    auto key = reader.item(":,}");
    if (!key || !reader.accept(':')) return stopped(reader, "'index:'");
    auto value = reader.item(",}");
    if (!value) return stopped(reader, "a name in quotes, or a number");
    const auto number = whole_number(key->text);
    const auto counted = value->quoted ? std::nullopt : whole_number(value->text);
    if (number) by_key.push_back({*number, std::move(value->text)});
    if (counted) by_value.push_back({*counted, std::move(key->text)});
    if (by_key.size() != count && by_value.size() != count) return stopped(reader, "'index:'");
  }
  if (!reader.finished()) return stopped(reader, "nothing more");
  return in_order(by_key.size() == count ? std::move(by_key) : std::move(by_value));
}

Result<std::vector<std::string>> read_list(Reader& reader, char close) {
  std::vector<std::string> names;
  const char ends[] = {',', close, '\0'};
  while (!reader.accept(close)) {
    if (!names.empty() && !reader.accept(',')) return stopped(reader, "','");
    if (reader.accept(close)) break;
    auto name = reader.item(ends);
    if (!name) return stopped(reader, "a name in quotes, or a number");
    if (names.size() == kNamesMax) return broken(fmt::format("more than {}", kNamesMax));
    names.push_back(std::move(name->text));
  }
  if (!reader.finished()) return stopped(reader, "nothing more");
  return names;
}

// Names with separators between them, without quotes or with.
Result<std::vector<std::string>> read_plain(std::string_view text) {
  if (text.empty()) return broken("the text is empty");
  char separator = '\n';
  for (const char candidate : {'\n', ',', ';'}) {
    separator = candidate;
    if (text.find(candidate) != std::string_view::npos) break;
  }
  std::vector<std::string> names;
  std::vector<Numbered> numbered;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    std::string_view name = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.starts_with("- ")) name = trimmed(name.substr(2));
    const std::size_t colon = std::min(name.find(':'), name.size());
    const auto number = whole_number(trimmed(name.substr(0, colon)));
    const bool keyed = number && colon < name.size();
    if (keyed) name = trimmed(name.substr(colon + 1));
    if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
        name.back() == name.front()) {
      name = name.substr(1, name.size() - 2);
    }
    if (name.empty()) {
      if (separator == '\n') continue;
      return broken(fmt::format("name {} is empty", names.size()));
    }
    if (names.size() == kNamesMax) return broken(fmt::format("more than {}", kNamesMax));
    names.push_back(as_utf8(name));
    if (keyed) numbered.push_back({*number, names.back()});
  }
  if (!names.empty() && numbered.size() == names.size()) return in_order(std::move(numbered));
  return names;
}

}  // namespace

std::span<const std::string_view> coco_names() { return kCoco; }

bool is_names_literal(std::string_view text) {
  text = trimmed(text);
  return !text.empty() && std::string_view("{[(").find(text.front()) != std::string_view::npos;
}

Result<std::vector<std::string>> parse_class_names(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!is_names_literal(text)) return read_plain(trimmed(text));
  Reader reader(text);
  if (reader.accept('{')) return read_map(reader);
  if (reader.accept('[')) return read_list(reader, ']');
  if (reader.accept('(')) return read_list(reader, ')');
  return stopped(reader, "'{', '[' or '('");
}

}  // namespace shoal
