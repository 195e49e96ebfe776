// Keys, ranges and units of cameras, alarms and sinks.
#include "pipeline/site_config_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace shoal {
namespace {

constexpr double kHour = 3'600'000;  // in milliseconds
constexpr double kDay = 86'400;      // in seconds
constexpr std::array<std::string_view, 2> kTransports{"tcp", "udp"};
constexpr std::array<std::string_view, 2> kForms{"shoal", "frigate"};

// A list of inline tables with names: zones, lines. `whole` is one of them, for the message.
template <typename T>
Result<void> read_parts(std::vector<T>& field, ConfigNode node,
                        std::span<const ConfigField<T>> fields, std::string_view whole) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong_value(fmt::format("a list such as [{}]", whole), node);
  std::vector<T> parts;
  for (const toml::node& item : *list) {
    const toml::table* keys = item.as_table();
    if (keys == nullptr) return wrong_value(whole, item);
    T& part = parts.emplace_back();
    const std::string name((*keys)["name"].value_or(std::string_view()));
    const std::string label =
        name.empty() ? fmt::format("number {}", parts.size()) : fmt::format("'{}'", name);
    for (const auto& [key, value] : *keys) {
      const Result<void> read = read_field(fields, part, key.str(), value);
      if (!read) return at_place(label, read.error());
    }
  }
  field = std::move(parts);
  return {};
}

// An inline table without a name.
template <typename T>
Result<void> read_group(T& field, ConfigNode node, std::span<const ConfigField<T>> fields,
                        std::string_view whole) {
  const toml::table* keys = node.as_table();
  if (keys == nullptr) return wrong_value(whole, node);
  T group;
  for (const auto& [key, value] : *keys) SHOAL_TRY(read_field(fields, group, key.str(), value));
  field = std::move(group);
  return {};
}

// -- of a camera --

Result<void> read_names_of_classes(std::vector<std::string>& field, ConfigNode node) {
  return read_names(field, node, "class names");
}

Result<void> read_names_of_cameras(std::vector<std::string>& field, ConfigNode node) {
  return read_names(field, node, "cameras' names");
}

Result<void> read_confidence(std::optional<float>& field, ConfigNode node) {
  float share = 0;
  SHOAL_TRY(read_share(share, node));
  field = share;
  return {};
}

ConfigValue confidence_value(const std::optional<float>& field) {
  return field ? to_value(*field) : ConfigValue();
}

Result<void> read_region(std::vector<RelativePoint>& field, ConfigNode node) {
  if (node.is_array() && node.as_array()->empty()) {
    field.clear();
    return {};
  }
  return read_polygon(field, node);
}

Result<void> read_masks(std::vector<std::vector<RelativePoint>>& field, ConfigNode node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong_value("a list of polygons", node);
  std::vector<std::vector<RelativePoint>> masks;
  for (const toml::node& item : *list) {
    const Result<void> read = read_polygon(masks.emplace_back(), item);
    if (!read) return at_place(fmt::format("number {}", masks.size()), read.error());
  }
  field = std::move(masks);
  return {};
}

constexpr std::array kZoneFields{
    SHOAL_FIELD(ZoneConfig, "name", name, read_text(field, node)),
    SHOAL_FIELD(ZoneConfig, "polygon", polygon, read_polygon(field, node)),
    SHOAL_FIELD(ZoneConfig, "classes", classes, read_names_of_classes(field, node)),
    SHOAL_FIELD_AS(ZoneConfig, "dwell_s", dwell, read_seconds(field, node, 0, kDay),
                   seconds_value(field)),
};

constexpr std::array kLineFields{
    SHOAL_FIELD(LineConfig, "name", name, read_text(field, node)),
    SHOAL_FIELD(LineConfig, "from", from, read_point(field, node)),
    SHOAL_FIELD(LineConfig, "to", to, read_point(field, node)),
    SHOAL_FIELD(LineConfig, "classes", classes, read_names_of_classes(field, node)),
};

Result<void> read_threshold(double& field, ConfigNode node) {
  field = SHOAL_TRY(read_number(node, 0, 1));
  return {};
}

constexpr std::array kGateFields{
    SHOAL_FIELD(MotionGateConfig, "enabled", enabled, read_flag(field, node)),
    SHOAL_FIELD(MotionGateConfig, "threshold", threshold,
                read_threshold(field, node)),
    SHOAL_FIELD_AS(MotionGateConfig, "refresh_s", refresh, read_seconds(field, node, 0.01, kDay),
                   seconds_value(field)),
};

ConfigValue gate_value(const MotionGateConfig& gate) {
  return write_fields<MotionGateConfig>(kGateFields, gate);
}

template <typename T>
ConfigValue parts_value(const std::vector<T>& parts, std::span<const ConfigField<T>> fields) {
  boost::json::array list;
  for (const T& part : parts) list.push_back(write_fields(fields, part));
  return list;
}

Result<void> read_zones(std::vector<ZoneConfig>& field, ConfigNode node) {
  return read_parts<ZoneConfig>(field, node, kZoneFields,
                                "{ name = \"belt\", polygon = [[0.1, 0.2], ...] }");
}

Result<void> read_lines(std::vector<LineConfig>& field, ConfigNode node) {
  return read_parts<LineConfig>(field, node, kLineFields,
                                "{ name = \"gate\", from = [0.1, 0.5], to = [0.9, 0.5] }");
}

Result<void> read_gate(MotionGateConfig& field, ConfigNode node) {
  return read_group<MotionGateConfig>(field, node, kGateFields,
                                      "{ enabled = true, threshold = 0.01, refresh_s = 2 }");
}

Result<void> read_rate(double& field, ConfigNode node) {
  field = SHOAL_TRY(read_number(node, 0, 1000));
  return {};
}

#define SHOAL_CAMERA(key, member, read) SHOAL_FIELD(CameraConfig, key, member, read)

constexpr std::array kCameraFields{
    SHOAL_CAMERA("name", name, read_text(field, node)),
    SHOAL_CAMERA("url", url, read_text(field, node)),
    SHOAL_CAMERA("transport", transport, read_choice(field, node, kTransports)),
    SHOAL_CAMERA("model", model, read_text(field, node)),
    SHOAL_CAMERA("priority", priority, read_priority(field, node)),
    SHOAL_CAMERA("fps_max", fps_max, read_rate(field, node)),
    SHOAL_CAMERA("age_max_ms", age_max, read_time(field, node, 1, kHour)),
    SHOAL_CAMERA("align_ms", align, read_time(field, node, 0, 10'000)),
    SHOAL_CAMERA("loop", loop, read_flag(field, node)),
    SHOAL_CAMERA("live", live, read_flag(field, node)),
    SHOAL_CAMERA("side_max", side_max, read_count(field, node, 0, 16'384)),
    SHOAL_CAMERA("connect_timeout_ms", connect_timeout, read_time(field, node, 1, kHour)),
    SHOAL_CAMERA("read_timeout_ms", read_timeout, read_time(field, node, 1, kHour)),
    SHOAL_CAMERA("retry_min_ms", retry_min, read_time(field, node, 1, kHour)),
    SHOAL_CAMERA("retry_max_ms", retry_max, read_time(field, node, 1, kHour)),
    SHOAL_FIELD_AS(CameraConfig, "conf", confidence, read_confidence(field, node),
                   confidence_value(field)),
    SHOAL_CAMERA("classes", classes, read_names_of_classes(field, node)),
    SHOAL_CAMERA("region", region, read_region(field, node)),
    SHOAL_CAMERA("masks", masks, read_masks(field, node)),
    SHOAL_FIELD_AS(CameraConfig, "motion_gate", motion_gate, read_gate(field, node),
                   gate_value(field)),
    SHOAL_CAMERA("track", track, read_flag(field, node)),
    SHOAL_FIELD_AS(CameraConfig, "zones", zones, read_zones(field, node),
                   parts_value<ZoneConfig>(field, kZoneFields)),
    SHOAL_FIELD_AS(CameraConfig, "lines", lines, read_lines(field, node),
                   parts_value<LineConfig>(field, kLineFields)),
    SHOAL_CAMERA("paused", paused, read_flag(field, node)),
};

#undef SHOAL_CAMERA

// -- of an alarm --

struct Clip {
  std::chrono::milliseconds before{0};
  std::chrono::milliseconds after{0};
};

constexpr std::array kClipFields{
    SHOAL_FIELD_AS(Clip, "before", before, read_seconds(field, node, 0, 60),
                   seconds_value(field)),
    SHOAL_FIELD_AS(Clip, "after", after, read_seconds(field, node, 0, 600),
                   seconds_value(field)),
};

Result<void> read_clip(AlarmConfig& alarm, ConfigNode node) {
  Clip clip;
  SHOAL_TRY(read_group<Clip>(clip, node, kClipFields, "{ before = 3, after = 3 }"));
  alarm.clip_before = clip.before;
  alarm.clip_after = clip.after;
  return {};
}

ConfigValue clip_value(const AlarmConfig& alarm) {
  return write_fields<Clip>(kClipFields, {.before = alarm.clip_before, .after = alarm.clip_after});
}

constexpr std::array kAlarmFields{
    SHOAL_FIELD(AlarmConfig, "name", name, read_text(field, node)),
    SHOAL_FIELD(AlarmConfig, "when", when, read_text(field, node)),
    SHOAL_FIELD(AlarmConfig, "cameras", cameras, read_names_of_cameras(field, node)),
    SHOAL_FIELD_AS(AlarmConfig, "cooldown_s", cooldown, read_seconds(field, node, 0, kDay),
                   seconds_value(field)),
    ConfigField<AlarmConfig>{"clip_s", read_clip, clip_value,
                             [](AlarmConfig& alarm) {
                               alarm.clip_before = {};
                               alarm.clip_after = {};
                             }},
};

// -- of a sink --

constexpr std::array<std::string_view, 9> kSinkTypes{
    "jsonl", "coco", "yolo", "mot", "video", "sqlite", "mqtt", "webhook", "nats"};

template <typename Unit>
Result<void> read_units(Unit& field, ConfigNode node, std::int64_t least, std::int64_t most) {
  int count = 0;
  SHOAL_TRY(read_count(count, node, least, most));
  field = Unit(count);
  return {};
}

#define SHOAL_SINK(key, member, read) SHOAL_FIELD(SinkConfig, key, member, read)
#define SHOAL_SINK_AS(key, member, read, write) SHOAL_FIELD_AS(SinkConfig, key, member, read, write)

constexpr std::array kSinkFields{
    SHOAL_SINK("type", type, read_choice(field, node, kSinkTypes)),
    SHOAL_SINK("name", name, read_text(field, node)),
    SHOAL_SINK("path", path, read_text(field, node)),
    SHOAL_SINK("url", url, read_text(field, node)),
    SHOAL_SINK("form", form, read_choice(field, node, kForms)),
    SHOAL_SINK("topic", topic, read_text(field, node)),
    SHOAL_SINK("user", user, read_text(field, node)),
    SHOAL_SINK("password_file", password_file, read_text(field, node)),
    SHOAL_SINK("secret_file", secret_file, read_text(field, node)),
    SHOAL_SINK("ca_file", ca_file, read_text(field, node)),
    SHOAL_SINK("cameras", cameras, read_names_of_cameras(field, node)),
    SHOAL_SINK("queue", queue, read_count(field, node, 1, 65'536)),
    SHOAL_SINK_AS("segment_s", segment, read_units(field, node, 1, 3'600),
                  std::int64_t{field.count()}),
    SHOAL_SINK_AS("keep_h", keep, read_units(field, node, 0, 87'600),
                  std::int64_t{field.count()}),
    SHOAL_SINK_AS("keep", keep_bytes, read_amount(field, node), amount_value(field)),
    SHOAL_SINK("timeout_ms", timeout, read_time(field, node, 1, kHour)),
    SHOAL_SINK("alarms_only", alarms_only, read_flag(field, node)),
};

#undef SHOAL_SINK_AS
#undef SHOAL_SINK

struct KeyOfTypes {
  std::string_view key;
  std::string_view types;  // between blanks
};

// Keys that are not here belong to all types.
constexpr std::array kKeysOfTypes{
    KeyOfTypes{"path", " jsonl coco yolo mot video sqlite "},
    KeyOfTypes{"url", " mqtt webhook nats "},
    KeyOfTypes{"form", " mqtt "},
    KeyOfTypes{"topic", " mqtt nats "},
    KeyOfTypes{"user", " mqtt nats "},
    KeyOfTypes{"password_file", " mqtt nats "},
    KeyOfTypes{"secret_file", " webhook "},
    KeyOfTypes{"ca_file", " mqtt webhook nats "},
    KeyOfTypes{"segment_s", " video "},
    KeyOfTypes{"keep_h", " video sqlite "},
    KeyOfTypes{"keep", " video sqlite "},
    KeyOfTypes{"timeout_ms", " mqtt webhook nats "},
    KeyOfTypes{"alarms_only", " mqtt nats "},
};

}  // namespace

std::span<const ConfigField<CameraConfig>> camera_fields() { return kCameraFields; }
std::span<const ConfigField<AlarmConfig>> alarm_fields() { return kAlarmFields; }
std::span<const ConfigField<SinkConfig>> sink_fields() { return kSinkFields; }
std::span<const std::string_view> sink_types() { return kSinkTypes; }

bool sink_has_key(std::string_view type, std::string_view key) {
  const auto* row = std::find_if(kKeysOfTypes.begin(), kKeysOfTypes.end(),
                                 [&](const KeyOfTypes& of) { return of.key == key; });
  return row == kKeysOfTypes.end() ||
         row->types.find(fmt::format(" {} ", type)) != std::string_view::npos;
}

}  // namespace shoal
