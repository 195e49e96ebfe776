#include "evaluate/label_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>

#include "core/read_file.h"

namespace shoal {
namespace {

constexpr std::size_t kBoxNumbers = 5;      // class xc yc w h
constexpr std::size_t kPolygonNumbers = 7;  // class and three points
// Labelling tools round: a share of 1.004 is an edge, 1.5 is a box in pixels.
constexpr double kShareMax = 1.01;
constexpr double kShareMin = -0.01;

struct Line {
  std::string_view name;
  int number = 0;
  [[nodiscard]] Error error(const std::string& what) const {
    return {ErrorCode::kCorruptInput, fmt::format("{}:{}: {}", name, number, what)};
  }
};

constexpr std::string_view kBlank = " \t\r";

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t start = text.find_first_not_of(kBlank); start != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlank, start), text.size());
    words.push_back(text.substr(start, end - start));
    start = text.find_first_not_of(kBlank, end);
  }
  return words;
}

// What a message may quote: the file may hold anything.
std::string printable(std::string_view word) {
  constexpr std::size_t kShown = 40;
  std::string text(word.substr(0, kShown));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) c = '?';
  }
  return text + (word.size() > kShown ? "..." : "");
}

std::optional<double> number_of(std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

Result<int> class_of(const Line& line, double value, const LabelRules& rules) {
  if (value < 0 || value != std::floor(value)) {
    return line.error(fmt::format("expected a class number first, got {}", value));
  }
  if (value >= static_cast<double>(rules.class_count)) {
    return line.error(fmt::format("class {}, but {} names {} classes (0 to {})", value,
                                  rules.dataset_path, rules.class_count, rules.class_count - 1));
  }
  return static_cast<int>(value);
}

// The bounding box of a polygon x1 y1 x2 y2 ...
Label bounding_box(const std::vector<double>& numbers) {
  double left = 1;
  double top = 1;
  double right = 0;
  double bottom = 0;
  for (std::size_t i = 1; i + 1 < numbers.size(); i += 2) {
    left = std::min(left, numbers[i]);
    right = std::max(right, numbers[i]);
    top = std::min(top, numbers[i + 1]);
    bottom = std::max(bottom, numbers[i + 1]);
  }
  return {.x_centre = (left + right) / 2,
          .y_centre = (top + bottom) / 2,
          .width = right - left,
          .height = bottom - top};
}

// How many of a line's numbers are a class and coordinates.
Result<std::size_t> coordinates_of(const Line& line, std::size_t count, const LabelRules& rules) {
  if (count == kBoxNumbers) return count;
  if (rules.key_points) {
    if (count == kBoxNumbers + *rules.key_points) return kBoxNumbers;
    return line.error(fmt::format(
        "{} numbers; expected 5 (class xc yc w h) or, by kpt_shape, {}", count,
        kBoxNumbers + *rules.key_points));
  }
  if (count >= kPolygonNumbers && count % 2 == 1) return count;
  return line.error(fmt::format(
      "{} numbers; expected 5 (class xc yc w h), or a class and a polygon of at least 3 points",
      count));
}

Result<Label> parse_line(const Line& line, std::string_view text, const LabelRules& rules) {
  std::vector<double> numbers;
  for (const std::string_view word : words_of(text)) {
    const auto number = number_of(word);
    if (!number) return line.error(fmt::format("'{}' is not a number", printable(word)));
    numbers.push_back(*number);
  }
  numbers.resize(SHOAL_TRY(coordinates_of(line, numbers.size(), rules)));
  const int class_id = SHOAL_TRY(class_of(line, numbers[0], rules));
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] < kShareMin || numbers[i] > kShareMax) {
      return line.error(fmt::format(
          "{} is outside 0 to 1; coordinates are shares of the picture, not pixels", numbers[i]));
    }
  }
  Label label = numbers.size() > kBoxNumbers ? bounding_box(numbers)
                                             : Label{.x_centre = numbers[1],
                                                     .y_centre = numbers[2],
                                                     .width = std::max(numbers[3], 0.0),
                                                     .height = std::max(numbers[4], 0.0)};
  label.class_id = class_id;
  return label;
}

bool same(const Label& a, const Label& b) {
  return a.class_id == b.class_id && a.x_centre == b.x_centre && a.y_centre == b.y_centre &&
         a.width == b.width && a.height == b.height;
}

}  // namespace

std::string label_path(std::string_view picture) {
  constexpr std::string_view kImages = "/images/";
  std::string path(picture);
  if (const auto at = path.rfind(kImages); at != std::string::npos) {
    path.replace(at, kImages.size(), "/labels/");
  } else if (path.starts_with("images/")) {
    path.replace(0, 6, "labels");
  }
  return std::filesystem::path(path).replace_extension(".txt").string();
}

Result<ParsedLabels> parse_labels(std::string_view text, std::string_view name,
                                  const LabelRules& rules) {
  ParsedLabels parsed;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Line line{.name = name};
  while (!text.empty()) {
    ++line.number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.find_first_not_of(kBlank) == std::string_view::npos) continue;
    const Label label = SHOAL_TRY(parse_line(line, content, rules));
    const bool repeated = std::any_of(parsed.labels.begin(), parsed.labels.end(),
                                      [&](const Label& other) { return same(label, other); });
    if (repeated) {
      ++parsed.duplicate_count;
    } else {
      parsed.labels.push_back(label);
    }
  }
  return parsed;
}

Result<ParsedLabels> read_labels(const std::string& path, const LabelRules& rules) {
  const auto text = file_text(path, {.expected = "a label file"});
  if (!text && text.error().code == ErrorCode::kNotFound) return ParsedLabels{};
  if (!text) return text.error();
  return parse_labels(*text, path, rules);
}

}  // namespace shoal
