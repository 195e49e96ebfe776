// Readers: what is expected of a value, and what is said where it is something else. Writers are in
// config_values_text.cpp.
#include "pipeline/config_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/json_text.h"
#include "core/memory_size.h"
#include "core/suggest.h"

namespace shoal {
namespace {

constexpr std::size_t kShownBytes = 80;
constexpr std::size_t kPointsMax = 256;
constexpr std::int64_t kAmountMin = std::int64_t{1} << 20;

// Not longer than a line: values may be whole tables.
std::string shown(std::string text) {
  if (text.size() <= kShownBytes) return text;
  std::size_t end = 0;
  while (end < kShownBytes) {
    end += std::max<std::size_t>(1, utf8_sequence(std::string_view(text).substr(end)));
  }
  return text.substr(0, end) + "...";
}

Result<Size> parse_shape(std::string_view text, ConfigNode node) {
  Size size;
  const char* end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, size.width);
  if (width.ec == std::errc() && width.ptr != end && *width.ptr == 'x') {
    const auto height = std::from_chars(width.ptr + 1, end, size.height);
    const bool whole = height.ec == std::errc() && height.ptr == end;
    if (whole && size.width > 0 && size.height > 0 && size.width <= 8192 && size.height <= 8192) {
      return size;
    }
  }
  return wrong_value("shapes such as \"640x384\" (width x height, at most 8192)", node);
}

// Whether all points lie on one line: such a polygon encloses nothing. (A signed area of zero says
// less: that of a symmetric bow tie is zero, too.)
bool on_one_line(const std::vector<RelativePoint>& points) {
  const RelativePoint& origin = points.front();
  const auto other = std::find_if(points.begin(), points.end(), [&](const RelativePoint& point) {
    return point != origin;
  });
  if (other == points.end()) return true;
  return std::all_of(points.begin(), points.end(), [&](const RelativePoint& point) {
    return std::abs((other->x - origin.x) * (point.y - origin.y) -
                    (other->y - origin.y) * (point.x - origin.x)) < 1e-12;
  });
}

}  // namespace

Error wrong_value(std::string_view expected, ConfigNode got) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("expected {}, got {}", expected, shown(toml_text(value_of(got))))};
}

Error unknown_name(std::string_view what, std::string_view got,
                   std::span<const std::string> known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return {ErrorCode::kInvalidArgument,
          fmt::format("unknown {} '{}'{}", what, shown(std::string(got)),
                      suggestion(got.substr(0, kShownBytes), views))};
}

Error at_place(std::string_view where, const Error& error) {
  return {error.code, fmt::format("{}: {}", where, error.message)};
}

Result<void> read_text(std::string& field, ConfigNode node) {
  const auto value = node.value_exact<std::string>();
  if (!value) return wrong_value("a text in quotes", node);
  field = *value;
  return {};
}

Result<void> read_flag(bool& field, ConfigNode node) {
  const auto value = node.value_exact<bool>();
  if (!value) return wrong_value("true or false", node);
  field = *value;
  return {};
}

Result<void> read_count(int& field, ConfigNode node, std::int64_t least, std::int64_t most) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < least || *value > most) {
    return wrong_value(fmt::format("a whole number from {} to {}", least, most), node);
  }
  field = static_cast<int>(*value);
  return {};
}

Result<double> read_number(ConfigNode node, double least, double most) {
  const auto value = node.value<double>();
  if (!value || node.is_boolean() || !(*value >= least && *value <= most)) {
    return wrong_value(fmt::format("a number from {} to {}", least, most), node);
  }
  return std::round(*value * 1e9) / 1e9;
}

Result<void> read_share(float& field, ConfigNode node) {
  field = static_cast<float>(SHOAL_TRY(read_number(node, 0, 1)));
  return {};
}

Result<void> read_shapes(std::vector<Size>& field, ConfigNode node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong_value("a list such as [\"640x640\", \"640x384\"]", node);
  std::vector<Size> shapes;
  for (const toml::node& item : *list) {
    shapes.push_back(SHOAL_TRY(parse_shape(item.value_or(std::string_view()), node)));
  }
  field = std::move(shapes);
  return {};
}

Result<void> read_names(std::vector<std::string>& field, ConfigNode node, std::string_view what) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong_value(fmt::format("a list of {}", what), node);
  std::vector<std::string> names;
  for (const toml::node& item : *list) {
    SHOAL_TRY(read_text(names.emplace_back(), item));
  }
  field = std::move(names);
  return {};
}

Result<void> read_classes(std::vector<int>& field, ConfigNode node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong_value("a list of class numbers such as [0, 2]", node);
  std::vector<int> classes;
  for (const toml::node& item : *list) {
    SHOAL_TRY(read_count(classes.emplace_back(), item, 0, 1'000'000));
  }
  field = std::move(classes);
  return {};
}

Result<void> read_delay(std::chrono::microseconds& field, ConfigNode node) {
  const double milliseconds = SHOAL_TRY(read_number(node, 0, 60'000));
  field = std::chrono::microseconds(std::llround(milliseconds * 1000));
  return {};
}

Result<void> read_time(std::chrono::milliseconds& field, ConfigNode node, double least,
                       double most) {
  field = std::chrono::milliseconds(std::llround(SHOAL_TRY(read_number(node, least, most))));
  return {};
}

Result<void> read_seconds(std::chrono::milliseconds& field, ConfigNode node, double least,
                          double most) {
  const double seconds = SHOAL_TRY(read_number(node, least, most));
  field = std::chrono::milliseconds(std::llround(seconds * 1000));
  return {};
}

Result<void> read_address(std::string& field, ConfigNode node) {
  std::string text;
  SHOAL_TRY(read_text(text, node));
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos && colon > 0) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) port = -1;
  }
  if (!text.empty() && (port < 0 || port > 65'535)) {
    return wrong_value("an address such as \"127.0.0.1:8000\", or \"\" for none", node);
  }
  field = std::move(text);
  return {};
}

Result<void> read_when_full(WhenFull& field, ConfigNode node) {
  const auto value = node.value_or(std::string_view());
  if (value != "wait" && value != "reject") return wrong_value("\"wait\" or \"reject\"", node);
  field = value == "wait" ? WhenFull::kWait : WhenFull::kReject;
  return {};
}

Result<void> read_memory(std::string& field, ConfigNode node) {
  std::string text;
  if (const auto bytes = node.value_exact<std::int64_t>()) {
    text = std::to_string(*bytes);
  } else {
    SHOAL_TRY(read_text(text, node));
  }
  SHOAL_TRY(parse_memory_limit(text));
  field = text;
  return {};
}

Result<void> read_amount(std::int64_t& field, ConfigNode node) {
  std::int64_t bytes = 0;
  if (const auto number = node.value_exact<std::int64_t>()) {
    bytes = *number;
  } else if (const auto text = node.value_exact<std::string_view>()) {
    const auto limit = parse_memory_limit(*text);
    if (limit && limit->share == 0) bytes = limit->bytes;  // there is nothing to have a share of
  }
  if (bytes < kAmountMin || bytes > std::int64_t{1} << 62) {
    return wrong_value("an amount of at least 1 MiB such as \"10GiB\"", node);
  }
  field = bytes;
  return {};
}

Result<void> read_choice(std::string& field, ConfigNode node,
                         std::span<const std::string_view> choices) {
  const auto value = node.value_exact<std::string_view>();
  if (!value || std::find(choices.begin(), choices.end(), *value) == choices.end()) {
    std::string expected;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const char* between = i == 0 ? "" : (i + 1 == choices.size() ? " or " : ", ");
      expected += fmt::format("{}\"{}\"", between, choices[i]);
    }
    Error error = wrong_value(expected, node);
    if (value) error.message += suggestion(value->substr(0, kShownBytes), choices);
    return error;
  }
  field = *value;
  return {};
}

Result<void> read_priority(Priority& field, ConfigNode node) {
  constexpr std::array kPriorities{Priority::kRealtime, Priority::kHigh, Priority::kNormal,
                                   Priority::kLow};
  std::vector<std::string_view> words;
  for (const Priority priority : kPriorities) words.push_back(to_string(priority));
  std::string word;
  SHOAL_TRY(read_choice(word, node, words));
  for (const Priority priority : kPriorities) {
    if (to_string(priority) == word) field = priority;
  }
  return {};
}

Result<void> read_point(RelativePoint& field, ConfigNode node) {
  const toml::array* pair = node.as_array();
  const bool two = pair != nullptr && pair->size() == 2;
  const auto x = two ? read_number((*pair)[0], 0, 1) : Result<double>(Error{});
  const auto y = two ? read_number((*pair)[1], 0, 1) : Result<double>(Error{});
  if (!x || !y) {
    return wrong_value("a point such as [0.1, 0.9], in shares of the picture from 0 to 1", node);
  }
  field = {.x = *x, .y = *y};
  return {};
}

Result<void> read_polygon(std::vector<RelativePoint>& field, ConfigNode node) {
  const toml::array* list = node.as_array();
  if (list == nullptr || list->size() < 3 || list->size() > kPointsMax) {
    return wrong_value(fmt::format("3 to {} points such as [[0.1, 0.2], [0.9, 0.2], [0.9, 0.8]]",
                                   kPointsMax), node);
  }
  std::vector<RelativePoint> points;
  for (const toml::node& item : *list) SHOAL_TRY(read_point(points.emplace_back(), item));
  if (on_one_line(points)) return wrong_value("points that are not all on one line", node);
  field = std::move(points);
  return {};
}

}  // namespace shoal
