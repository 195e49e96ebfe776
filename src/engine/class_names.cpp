// A small bounded reader of Python and JSON literals; not a general one.
#include "engine/class_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

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

  // 'text', "text" with backslash escapes.
  std::optional<std::string> quoted() {
    skip_space();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return std::nullopt;
    const char quote = text_[at_++];
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      value.push_back(text_[at_++]);
    }
    if (at_ >= text_.size()) return std::nullopt;
    ++at_;
    return value;
  }

  // 7, '7' or "7"
  std::optional<std::size_t> key() {
    skip_space();
    const bool with_quotes = at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"');
    if (with_quotes) ++at_;
    std::size_t value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || end == begin) return std::nullopt;
    at_ += static_cast<std::size_t>(end - begin);
    if (with_quotes) ++at_;
    return value;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

Error stopped(const Reader& reader, std::string_view expected) {
  return {ErrorCode::kCorruptInput,
          fmt::format("class names: expected {} at character {}", expected, reader.position())};
}

}  // namespace

std::span<const std::string_view> coco_names() { return kCoco; }

Result<std::vector<std::string>> parse_class_names(std::string_view literal) {
  Reader reader(literal);
  const bool keyed = reader.accept('{');
  if (!keyed && !reader.accept('[')) return stopped(reader, "'{' or '['");
  const char close = keyed ? '}' : ']';
  std::vector<std::optional<std::string>> found;
  while (!reader.accept(close)) {
    if (!found.empty() && !reader.accept(',')) return stopped(reader, "','");
    if (reader.accept(close)) break;
    std::size_t index = found.size();
    if (keyed) {
      const auto key = reader.key();
      if (!key || *key >= kNamesMax || !reader.accept(':')) return stopped(reader, "'index:'");
      index = *key;
    }
    auto name = reader.quoted();
    if (!name || index >= kNamesMax) return stopped(reader, "a name in quotes");
    if (index >= found.size()) found.resize(index + 1);
    found[index] = std::move(*name);
  }
  if (!reader.finished()) return stopped(reader, "nothing more");
  std::vector<std::string> names;
  names.reserve(found.size());
  for (auto& name : found) {
    if (!name) {
      return Error{ErrorCode::kCorruptInput,
                   fmt::format("class names: index {} is missing of 0 to {}", names.size(),
                               found.size() - 1)};
    }
    names.push_back(std::move(*name));
  }
  return names;
}

}  // namespace shoal
