// Fields to a tree of values, and the tree to JSON and TOML.
#include "pipeline/config_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>
#include <iterator>
#include <sstream>
#include <utility>

#include "core/json_text.h"

namespace shoal {
namespace {

namespace json = boost::json;

enum class Form { kJson, kToml };

void append_value(fmt::memory_buffer& out, const ConfigValue& value, Form form);

void append_list(fmt::memory_buffer& out, const json::array& list, Form form) {
  out.push_back('[');
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) append_text(out, form == Form::kJson ? "," : ", ");
    append_value(out, list[i], form);
  }
  out.push_back(']');
}

void append_key(fmt::memory_buffer& out, std::string_view key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || c == '_' || c == '-';
  });
  if (bare) {
    append_text(out, key);
  } else {
    append_json_string(out, key);
  }
}

// TOML tells 10 from 10.0.
void append_double(fmt::memory_buffer& out, double value, Form form) {
  const std::string text = fmt::format("{}", value);
  append_text(out, text);
  const bool looks_whole = text.find_first_not_of("-0123456789") == std::string::npos;
  if (form == Form::kToml && looks_whole) append_text(out, ".0");
}

void append_table(fmt::memory_buffer& out, const json::object& table, Form form) {
  const bool is_json = form == Form::kJson;
  if (table.empty()) {
    append_text(out, "{}");
    return;
  }
  append_text(out, is_json ? "{" : "{ ");
  bool first = true;
  for (const auto& [key, value] : table) {
    if (!is_json && value.is_null()) continue;
    if (!first) append_text(out, is_json ? "," : ", ");
    first = false;
    if (is_json) {
      append_json_string(out, key);
      out.push_back(':');
    } else {
      append_key(out, key);
      append_text(out, " = ");
    }
    append_value(out, value, form);
  }
  append_text(out, is_json ? "}" : " }");
}

void append_value(fmt::memory_buffer& out, const ConfigValue& value, Form form) {
  switch (value.kind()) {
    case json::kind::null: append_text(out, "null"); break;
    case json::kind::bool_: append_text(out, value.get_bool() ? "true" : "false"); break;
    case json::kind::int64:
      fmt::format_to(std::back_inserter(out), "{}", value.get_int64());
      break;
    case json::kind::uint64:
      fmt::format_to(std::back_inserter(out), "{}", value.get_uint64());
      break;
    case json::kind::double_: append_double(out, value.get_double(), form); break;
    // What JSON escapes, TOML's basic strings escape the same way.
    case json::kind::string: append_json_string(out, value.get_string()); break;
    case json::kind::array: append_list(out, value.get_array(), form); break;
    case json::kind::object: append_table(out, value.get_object(), form); break;
  }
}

std::string text_of(const ConfigValue& value, Form form) {
  fmt::memory_buffer out;
  append_value(out, value, form);
  return std::string(view_of(out));
}

}  // namespace

ConfigValue to_value(const std::string& field) { return json::string(field); }
ConfigValue to_value(bool field) { return field; }
ConfigValue to_value(int field) { return std::int64_t{field}; }
ConfigValue to_value(double field) { return field; }
// The shortest number that is the same float: 0.3, not 0.30000001192092896.
ConfigValue to_value(float field) {
  const std::string text = fmt::format("{}", field);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}
ConfigValue to_value(std::chrono::milliseconds field) { return std::int64_t{field.count()}; }
ConfigValue to_value(std::chrono::microseconds field) {
  return static_cast<double>(field.count()) / 1000;
}
ConfigValue seconds_value(std::chrono::milliseconds field) {
  return static_cast<double>(field.count()) / 1000;
}
ConfigValue to_value(WhenFull field) {
  return json::string(field == WhenFull::kWait ? "wait" : "reject");
}
ConfigValue to_value(Priority field) { return json::string(to_string(field)); }
ConfigValue to_value(RelativePoint field) { return json::array{field.x, field.y}; }
ConfigValue to_value(Size field) {
  return json::string(fmt::format("{}x{}", field.width, field.height));
}

ConfigValue amount_value(std::int64_t bytes) {
  constexpr std::array<std::pair<int, const char*>, 4> kUnits{
      {{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}}};
  for (const auto& [bits, unit] : kUnits) {
    const std::int64_t one = std::int64_t{1} << bits;
    if (bytes > 0 && bytes % one == 0) {
      return json::string(fmt::format("{}{}", bytes / one, unit));
    }
  }
  return bytes;
}

ConfigValue value_of(ConfigNode node) {
  if (const auto* list = node.as_array()) {
    json::array values;
    for (const toml::node& item : *list) values.push_back(value_of(item));
    return values;
  }
  if (const auto* table = node.as_table()) {
    json::object values;
    for (const auto& [key, item] : *table) values[std::string_view(key)] = value_of(item);
    return values;
  }
  if (const auto* text = node.as_string()) return json::string(text->get());
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  std::ostringstream date;
  node.visit([&](const auto& value) { date << value; });
  return json::string(date.str());
}

std::string json_text(const ConfigValue& value) { return text_of(value, Form::kJson); }
std::string toml_text(const ConfigValue& value) { return text_of(value, Form::kToml); }

}  // namespace shoal
