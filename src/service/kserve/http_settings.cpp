// Trees of Boost.JSON, bounded by the body's size; what the library throws ends here.
#include "service/kserve/http_settings.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <new>
#include <string>
#include <utility>

#include "core/invalid.h"

namespace shoal {
namespace {

namespace json = boost::json;

constexpr std::size_t kSettingsMax = std::size_t{16} << 10;  // read on a thread of the server
constexpr std::size_t kLoadMax = std::size_t{4} << 20;       // with a whole configuration

Result<json::object> read_object(std::string_view body, std::size_t most) {
  if (body.empty()) return json::object();
  if (body.size() > most) {
    return invalid(fmt::format("a body of {} bytes, at most {} here", body.size(), most));
  }
  json::parse_options options;
  options.max_depth = 32;
  try {
    json::error_code ec;
    json::value value = json::parse(body, ec, {}, options);
    if (ec) return invalid(fmt::format("JSON: {}", ec.message()));
    if (!value.is_object()) return invalid("JSON: expected an object");
    return std::move(value.get_object());
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kUnavailable, "no memory to read the request"};
  }
}

std::string text_of(const json::string& text) { return {text.data(), text.size()}; }

// A setting's value as text; not for lists.
Result<std::string> setting_text(std::string_view name, const json::value& value) {
  if (value.is_string()) return text_of(value.get_string());
  if (value.is_int64() || value.is_uint64()) return json::serialize(value);
  return invalid(fmt::format("{}: expected a text or a number", name));
}

}  // namespace

Result<bool> read_index_request(std::string_view body) {
  const json::object request = SHOAL_TRY(read_object(body, kSettingsMax));
  const json::value* ready = request.if_contains("ready");
  if (ready == nullptr || ready->is_null()) return false;
  if (!ready->is_bool()) return invalid("ready: expected true or false");
  return ready->get_bool();
}

Result<Parameters> read_load_request(std::string_view body) {
  const json::object request = SHOAL_TRY(read_object(body, kLoadMax));
  Parameters parameters;
  const json::value* given = request.if_contains("parameters");
  if (given == nullptr || given->is_null()) return parameters;
  if (!given->is_object()) return invalid("parameters: expected an object");
  for (const auto& [key, value] : given->get_object()) {
    const std::string name(key.data(), key.size());
    if (value.is_string()) {
      parameters[name] = text_of(value.get_string());
    } else if (value.is_bool()) {
      parameters[name] = value.get_bool();
    } else if (value.is_int64()) {
      parameters[name] = value.get_int64();
    } else {
      return invalid(fmt::format("parameter {}: expected a text, a number or a bool",
                                 name.substr(0, 100)));
    }
  }
  return parameters;
}

Result<TraceValues> read_trace_request(std::string_view body) {
  const json::object request = SHOAL_TRY(read_object(body, kSettingsMax));
  TraceValues changes;
  for (const auto& [key, value] : request) {
    std::vector<std::string>& values = changes[std::string(key.data(), key.size())];
    if (value.is_null()) continue;
    if (!value.is_array()) {
      values.push_back(SHOAL_TRY(setting_text(std::string_view(key.data(), key.size()), value)));
      continue;
    }
    for (const json::value& one : value.get_array()) {
      values.push_back(SHOAL_TRY(setting_text(std::string_view(key.data(), key.size()), one)));
    }
  }
  return changes;
}

Result<LogSettings> read_log_request(std::string_view body) {
  const json::object request = SHOAL_TRY(read_object(body, kSettingsMax));
  LogSettings changes;
  for (const auto& [key, value] : request) {
    const std::string name(key.data(), key.size());
    if (value.is_bool()) {
      changes[name] = value.get_bool();
    } else if (value.is_int64()) {
      changes[name] = value.get_int64();
    } else if (value.is_string()) {
      changes[name] = text_of(value.get_string());
    } else {
      return invalid(fmt::format("{}: expected a bool, a number or a text", name.substr(0, 100)));
    }
  }
  return changes;
}

}  // namespace shoal
