// How single values of a configuration become fields and back: readers with their messages for TOML
// nodes, writers to a tree that keeps the order of keys, and tables of keys. Which keys there are
// is config.cpp's and site_config_fields.cpp's.
#pragma once

#include <toml++/toml.h>

#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/site_config.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

using ConfigNode = const toml::node&;
using ConfigValue = boost::json::value;

// -- errors --

// "expected {expected}, got {the value as TOML, shortened}".
[[nodiscard]] Error wrong_value(std::string_view expected, ConfigNode got);
// "unknown key 'bach'; did you mean 'batch'?"
[[nodiscard]] Error unknown_name(std::string_view what, std::string_view got,
                                 std::span<const std::string> known);
// The same error, its message after "{where}: ".
[[nodiscard]] Error at_place(std::string_view where, const Error& error);

// -- reading: the field is left as it was where the answer is an error --

[[nodiscard]] Result<void> read_text(std::string& field, ConfigNode node);
[[nodiscard]] Result<void> read_flag(bool& field, ConfigNode node);
[[nodiscard]] Result<void> read_count(int& field, ConfigNode node, std::int64_t least,
                                      std::int64_t most);
// Kept to nine decimals, so that a number that was printed and read, by whichever parser, is the
// same.
[[nodiscard]] Result<double> read_number(ConfigNode node, double least, double most);
[[nodiscard]] Result<void> read_share(float& field, ConfigNode node);
[[nodiscard]] Result<void> read_shapes(std::vector<Size>& field, ConfigNode node);
// `what` they are, in the plural: "class names".
[[nodiscard]] Result<void> read_names(std::vector<std::string>& field, ConfigNode node,
                                      std::string_view what = "names");
[[nodiscard]] Result<void> read_classes(std::vector<int>& field, ConfigNode node);
[[nodiscard]] Result<void> read_delay(std::chrono::microseconds& field, ConfigNode node);
[[nodiscard]] Result<void> read_time(std::chrono::milliseconds& field, ConfigNode node,
                                     double least, double most);
// Seconds in the file.
[[nodiscard]] Result<void> read_seconds(std::chrono::milliseconds& field, ConfigNode node,
                                        double least, double most);
// "host:port", "[::1]:port" or nothing; whether one can listen there shows at start.
[[nodiscard]] Result<void> read_address(std::string& field, ConfigNode node);
[[nodiscard]] Result<void> read_when_full(WhenFull& field, ConfigNode node);
// A limit of memory as text, shares included.
[[nodiscard]] Result<void> read_memory(std::string& field, ConfigNode node);
// An amount of disk in bytes, at least 1 MiB.
[[nodiscard]] Result<void> read_amount(std::int64_t& field, ConfigNode node);
// One of a few words.
[[nodiscard]] Result<void> read_choice(std::string& field, ConfigNode node,
                                       std::span<const std::string_view> choices);
[[nodiscard]] Result<void> read_priority(Priority& field, ConfigNode node);
[[nodiscard]] Result<void> read_point(RelativePoint& field, ConfigNode node);
// 3 to 256 points that enclose something.
[[nodiscard]] Result<void> read_polygon(std::vector<RelativePoint>& field, ConfigNode node);

// -- writing: what the readers above read back to the same field --

[[nodiscard]] ConfigValue to_value(const std::string& field);
[[nodiscard]] ConfigValue to_value(bool field);
[[nodiscard]] ConfigValue to_value(int field);
[[nodiscard]] ConfigValue to_value(double field);
[[nodiscard]] ConfigValue to_value(float field);
[[nodiscard]] ConfigValue to_value(std::chrono::milliseconds field);  // in milliseconds
[[nodiscard]] ConfigValue to_value(std::chrono::microseconds field);  // in milliseconds
[[nodiscard]] ConfigValue seconds_value(std::chrono::milliseconds field);
[[nodiscard]] ConfigValue to_value(WhenFull field);
[[nodiscard]] ConfigValue to_value(Priority field);
[[nodiscard]] ConfigValue to_value(RelativePoint field);
[[nodiscard]] ConfigValue to_value(Size field);
[[nodiscard]] ConfigValue amount_value(std::int64_t bytes);  // "10GiB" where it is whole
template <typename T>
[[nodiscard]] ConfigValue to_value(const std::vector<T>& field) {
  boost::json::array list;
  for (const T& item : field) list.push_back(to_value(item));
  return list;
}

// A node as it was read. Dates become text.
[[nodiscard]] ConfigValue value_of(ConfigNode node);

// One line, without blanks; numbers as short as they can be read back.
[[nodiscard]] std::string json_text(const ConfigValue& value);
// One line as it stands behind "key = "; keys of tables with null are left out.
[[nodiscard]] std::string toml_text(const ConfigValue& value);

// -- tables of keys --

template <typename T>
struct ConfigField {
  std::string_view key;
  Result<void> (*read)(T&, ConfigNode);
  ConfigValue (*write)(const T&);
  void (*reset)(T&);  // to the default
};

// In `read_expression` and `write_expression` the member is called `field`, the node `node`.
#define SHOAL_FIELD_AS(type, key, member, read_expression, write_expression)              \
  ::shoal::ConfigField<type> {                                                            \
    key,                                                                                  \
        [](type& whole, [[maybe_unused]] ::shoal::ConfigNode node) -> Result<void> {      \
          auto& field = whole.member;                                                     \
          return read_expression;                                                         \
        },                                                                                \
        [](const type& whole) -> ::shoal::ConfigValue {                                   \
          const auto& field = whole.member;                                               \
          return write_expression;                                                        \
        },                                                                                \
        [](type& whole) { whole.member = type{}.member; }                                 \
  }
#define SHOAL_FIELD(type, key, member, read_expression) \
  SHOAL_FIELD_AS(type, key, member, read_expression, to_value(field))

template <typename T>
[[nodiscard]] const ConfigField<T>* find_field(std::span<const ConfigField<T>> fields,
                                               std::string_view key) {
  for (const ConfigField<T>& field : fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

template <typename T>
[[nodiscard]] std::vector<std::string> keys_of(std::span<const ConfigField<T>> fields) {
  std::vector<std::string> keys;
  for (const ConfigField<T>& field : fields) keys.emplace_back(field.key);
  return keys;
}

// Reads one key; the message begins with it.
template <typename T>
[[nodiscard]] Result<void> read_field(std::span<const ConfigField<T>> fields, T& whole,
                                      std::string_view key, ConfigNode node) {
  const ConfigField<T>* field = find_field(fields, key);
  if (field == nullptr) return unknown_name("key", key, keys_of(fields));
  const Result<void> read = field->read(whole, node);
  if (!read) return at_place(key, read.error());
  return {};
}

template <typename T>
[[nodiscard]] boost::json::object write_fields(std::span<const ConfigField<T>> fields,
                                               const T& whole) {
  boost::json::object object;
  for (const ConfigField<T>& field : fields) object[field.key] = field.write(whole);
  return object;
}

}  // namespace shoal
