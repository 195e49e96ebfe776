// JSON becomes a TOML table, which the same readers read as the file's; Boost.JSON's exceptions end
// here.
#include "pipeline/site_config_read.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "core/escaped_text.h"
#include "core/url_secrets.h"
#include "pipeline/config_values.h"
#include "pipeline/site_config_fields.h"

namespace shoal {
namespace {

namespace json = boost::json;

constexpr std::size_t kMessageMax = 2'000;  // whatever was sent

Result<void> append(toml::array& list, const json::value& value);

Result<toml::array> list_of(const json::array& values) {
  toml::array list;
  for (const json::value& value : values) SHOAL_TRY(append(list, value));
  return list;
}

Result<toml::table> table_of(const json::object& object) {
  toml::table table;
  for (const auto& [key, value] : object) {
    if (value.is_null()) continue;  // inside of tables, too, null is the default
    toml::array one;
    SHOAL_TRY(append(one, value));
    table.insert_or_assign(std::string_view(key), std::move(one[0]));
  }
  return table;
}

// Depth is bounded by the parser's.
Result<void> append(toml::array& list, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return Error{ErrorCode::kInvalidArgument, "expected a value in the list, got null"};
    case json::kind::bool_: list.push_back(value.get_bool()); break;
    case json::kind::int64: list.push_back(value.get_int64()); break;
    case json::kind::uint64: list.push_back(static_cast<double>(value.get_uint64())); break;
    case json::kind::double_: list.push_back(value.get_double()); break;
    case json::kind::string: list.push_back(std::string(value.get_string())); break;
    case json::kind::array: list.push_back(SHOAL_TRY(list_of(value.get_array()))); break;
    case json::kind::object: list.push_back(SHOAL_TRY(table_of(value.get_object()))); break;
  }
  return {};
}

Result<json::object> parse_object(std::string_view body) {
  try {
    json::value value = json::parse(json::string_view(body.data(), body.size()));
    if (value.is_object()) return std::move(value.get_object());
  } catch (const std::exception& error) {
    return Error{ErrorCode::kCorruptInput, fmt::format("not JSON: {}", error.what())};
  }
  return Error{ErrorCode::kInvalidArgument,
               "expected a JSON object with the keys of [[camera]], such as "
               "{\"name\":\"line-1\",\"url\":\"rtsp://10.0.0.5/1\"}"};
}

Result<void> read_member(CameraConfig& camera, std::string_view key, const json::value& value) {
  if (!value.is_null()) {
    toml::array one;
    const Result<void> converted = append(one, value);
    if (!converted) return at_place(key, converted.error());
    return read_field(camera_fields(), camera, key, one[0]);
  }
  const ConfigField<CameraConfig>* field = find_field(camera_fields(), key);
  if (field == nullptr) return unknown_name("key", key, keys_of(camera_fields()));
  field->reset(camera);
  return {};
}

Result<void> read_members(CameraConfig& camera, const json::object& object,
                          const std::string& known_url) {
  for (const auto& [key, value] : object) {
    SHOAL_TRY(read_member(camera, std::string_view(key), value));
  }
  camera.url = with_secrets_of(camera.url, known_url);
  return check_camera(camera);
}

json::object camera_object(const CameraConfig& camera, Passwords passwords) {
  json::object object = write_fields(camera_fields(), camera);
  if (passwords == Passwords::kHidden) object["url"] = json::string(without_secrets(camera.url));
  return object;
}

}  // namespace

Result<CameraConfig> camera_from_json(std::string_view body, const CameraConfig& base,
                                      const std::string& known_url) {
  const json::object object = SHOAL_TRY(parse_object(body));
  CameraConfig camera = base;
  const Result<void> read = read_members(camera, object, known_url);
  if (read) return camera;
  const std::string where = camera.name.empty() ? "camera" : site_label("camera", camera.name, 0);
  const Error error = at_place(where, read.error());
  return Error{error.code, shortened(error.message, kMessageMax)};
}

std::string camera_to_json(const CameraConfig& camera, Passwords passwords) {
  return json_text(camera_object(camera, passwords));
}

std::string camera_to_toml(const CameraConfig& camera, Passwords passwords) {
  const json::object defaults = write_fields(camera_fields(), CameraConfig{});
  std::string text = "[[camera]]\n";
  for (const auto& [key, value] : camera_object(camera, passwords)) {
    if (value.is_null() || value == defaults.at(key)) continue;
    text += fmt::format("{} = {}\n", std::string_view(key), toml_text(value));
  }
  return text;
}

}  // namespace shoal
