// Tables of [[camera]], [[alarm]] and [[sink]] to structs and back.
#include "pipeline/site_config_lists.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "core/escaped_text.h"
#include "core/invalid.h"
#include "core/suggest.h"
#include "core/url_secrets.h"
#include "pipeline/site_config_fields.h"

namespace shoal {
namespace {

template <typename T>
Result<void> read_keys(T& whole, const toml::table& keys,
                       std::span<const ConfigField<T>> fields) {
  for (const auto& [key, value] : keys) SHOAL_TRY(read_field(fields, whole, key.str(), value));
  return {};
}

Result<void> read_item(CameraConfig& camera, const toml::table& keys) {
  return read_keys(camera, keys, camera_fields());
}

Result<void> read_item(AlarmConfig& alarm, const toml::table& keys) {
  return read_keys(alarm, keys, alarm_fields());
}

// The type first, whatever the order: it says which keys there are.
Result<void> read_item(SinkConfig& sink, const toml::table& keys) {
  const toml::node* type = keys.get("type");
  if (type == nullptr) return invalid("type is missing");
  SHOAL_TRY(read_field(sink_fields(), sink, "type", *type));
  for (const auto& [key, value] : keys) {
    const bool exists = find_field(sink_fields(), key.str()) != nullptr;
    if (exists && !sink_has_key(sink.type, key.str())) {
      std::string owners;
      for (const std::string_view other : sink_types()) {
        if (!sink_has_key(other, key.str())) continue;
        owners += fmt::format("{}{}", owners.empty() ? "" : ", ", other);
      }
      return invalid(fmt::format("{}: sinks of type {} do not have it; these do: {}", key.str(),
                                 sink.type, owners));
    }
    SHOAL_TRY(read_field(sink_fields(), sink, key.str(), value));
  }
  return {};
}

template <typename T>
Result<void> read_items(std::vector<T>& items, std::string_view section, ConfigNode node) {
  const toml::array* list = node.as_array();
  const bool tables = list != nullptr && std::all_of(list->begin(), list->end(),
                                                     [](ConfigNode n) { return n.is_table(); });
  if (!tables) return invalid(fmt::format("[{0}] stands once; write [[{0}]]", section));
  for (const toml::node& item : *list) {
    const toml::table& keys = *item.as_table();
    const std::string name((keys)["name"].value_or(std::string_view()));
    T& whole = items.emplace_back();
    const Result<void> read = read_item(whole, keys);
    if (!read) return at_place(site_label(section, name, items.size() - 1), read.error());
  }
  return {};
}

void append_keys(std::string& text, const boost::json::object& keys) {
  for (const auto& [key, value] : keys) {
    if (value.is_null()) continue;
    text += fmt::format("{} = {}\n", std::string_view(key), toml_text(value));
  }
}

}  // namespace

bool is_site_list(std::string_view section) {
  return section == "camera" || section == "alarm" || section == "sink";
}

Result<void> read_site_list(SiteConfig& site, std::string_view section, ConfigNode node) {
  if (section == "camera") return read_items(site.cameras, section, node);
  if (section == "alarm") return read_items(site.alarms, section, node);
  return read_items(site.sinks, section, node);
}

Result<void> set_camera_option(SiteConfig& site, std::string_view name, ConfigNode node) {
  const std::size_t dot = name.rfind('.');
  const std::string_view key = dot == std::string_view::npos ? "" : name.substr(dot + 1);
  const std::string_view which = name.substr(0, dot);
  const auto camera = std::find_if(site.cameras.begin(), site.cameras.end(),
                                   [&](const CameraConfig& c) { return c.name == which; });
  if (camera == site.cameras.end()) {
    std::vector<std::string_view> known;
    for (const CameraConfig& c : site.cameras) known.push_back(c.name);
    return invalid(fmt::format("there is no camera '{}'{}", shortened(which),
                               suggestion(which, known)));
  }
  if (key == "name") return invalid("camera: names cannot be changed on the command line");
  CameraConfig changed = *camera;
  Result<void> set = read_field(camera_fields(), changed, key, node);
  if (set) set = check_camera(changed);
  if (!set) return at_place(site_label("camera", which, 0), set.error());
  *camera = std::move(changed);
  return {};
}

std::string site_lists_text(const SiteConfig& site, Passwords passwords) {
  std::string text;
  for (const CameraConfig& camera : site.cameras) {
    boost::json::object keys = write_fields(camera_fields(), camera);
    if (passwords == Passwords::kHidden) {
      keys["url"] = boost::json::string(without_secrets(camera.url));
    }
    text += "\n[[camera]]\n";
    append_keys(text, keys);
  }
  for (const AlarmConfig& alarm : site.alarms) {
    text += "\n[[alarm]]\n";
    append_keys(text, write_fields(alarm_fields(), alarm));
  }
  for (const SinkConfig& sink : site.sinks) {
    text += "\n[[sink]]\n";
    boost::json::object keys = write_fields(sink_fields(), sink);
    if (passwords == Passwords::kHidden) {
      keys["url"] = boost::json::string(without_secrets(sink.url));
    }
    for (const ConfigField<SinkConfig>& field : sink_fields()) {
      if (!sink_has_key(sink.type, field.key)) keys.erase(field.key);
    }
    append_keys(text, keys);
  }
  return text;
}

}  // namespace shoal
