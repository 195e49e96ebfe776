// Checks of cameras, sinks and the site. URLs are site_config_url.cpp's, conditions of alarms
// site_config_alarms.cpp's.
#include "pipeline/site_config_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "core/escaped_text.h"
#include "core/invalid.h"
#include "core/suggest.h"
#include "core/url_secrets.h"
#include "pipeline/camera_reach.h"
#include "pipeline/config_values.h"
#include "pipeline/site_config_alarms.h"
#include "pipeline/site_config_fields.h"
#include "pipeline/site_config_url.h"

namespace shoal {
namespace {

constexpr std::size_t kNameBytes = 64;
constexpr std::size_t kZonesMax = 64;  // bits of Track::zones

// Of cameras and sinks: they stand in URLs, topics and file names.
Result<void> check_plain_name(std::string_view name) {
  const auto allowed = [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || c == '_' || c == '-' || c == '.';
  };
  if (!name.empty() && name.size() <= kNameBytes && name.front() != '.' &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return {};
  }
  return invalid(fmt::format("expected letters, digits, '_', '-' and '.' (not in front), at most "
                             "{}, got \"{}\"", kNameBytes, shortened(name)));
}

// Of zones, lines and alarms: any script, and blanks. Conditions put them between ' and '.
Result<void> check_label_name(std::string_view name) {
  const auto allowed = [](unsigned char c) {
    return c >= 0x80 || std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == ' ';
  };
  if (!name.empty() && name.size() <= kNameBytes && name.front() != ' ' && name.back() != ' ' &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return {};
  }
  return invalid(fmt::format("expected letters, digits, '_', '-', '.' and blanks between them, at "
                             "most {} bytes, got \"{}\"", kNameBytes, shortened(name)));
}

Result<void> in(std::string_view key, const Result<void>& checked) {
  if (!checked) return at_place(key, checked.error());
  return {};
}

Result<void> check_classes(const std::vector<std::string>& classes) {
  for (auto name = classes.begin(); name != classes.end(); ++name) {
    if (name->empty()) return invalid("classes: expected a class's name, got \"\"");
    if (std::find(classes.begin(), name, *name) != name) {
      return invalid(fmt::format("classes: '{}' stands there twice", shortened(*name)));
    }
  }
  return {};
}

// Names of zones or lines, with what else every part has.
template <typename Part, typename Check>
Result<void> check_parts(std::string_view key, const std::vector<Part>& parts, Check check) {
  for (auto part = parts.begin(); part != parts.end(); ++part) {
    const auto same = std::find_if(parts.begin(), part, [&](const Part& earlier) {
      return earlier.name == part->name;
    });
    const std::string label =
        part->name.empty() ? fmt::format("{}: number {}", key, part - parts.begin() + 1)
                           : fmt::format("{}: '{}'", key, shortened(part->name));
    if (part->name.empty()) return invalid(label + ": name is missing");
    SHOAL_TRY(in(label + ": name", check_label_name(part->name)));
    if (same != part) return invalid(label + ": two have this name");
    SHOAL_TRY(in(label, check_classes(part->classes)));
    SHOAL_TRY(in(label, check(*part)));
  }
  return {};
}

bool is_network(std::string_view scheme) {
  constexpr std::array<std::string_view, 5> kEndless{"rtsp", "rtsps", "rtmp", "tcp", "udp"};
  return std::find(kEndless.begin(), kEndless.end(), scheme) != kEndless.end();
}

// Keys that would do nothing with this URL.
Result<void> check_kind(const CameraConfig& camera) {
  const std::string_view scheme = split_url(camera.url).scheme;
  if (camera.transport != "tcp" && !scheme.starts_with("rtsp")) {
    return invalid("transport: only rtsp:// has one");
  }
  const bool device = camera.url.starts_with("/dev/") || camera.url.starts_with("file:/dev/");
  if (is_network(scheme) || device) {
    if (camera.loop) return invalid("loop: only files have a start to go back to");
    if (!camera.live) return invalid("live: only files can be read faster than they play");
  }
  return {};
}

// -- sinks --

std::span<const std::string_view> schemes_of(std::string_view type) {
  static constexpr std::array<std::string_view, 2> kMqtt{"mqtt", "mqtts"};
  static constexpr std::array<std::string_view, 2> kNats{"nats", "tls"};
  static constexpr std::array<std::string_view, 2> kWebhook{"http", "https"};
  if (type == "mqtt") return kMqtt;
  if (type == "nats") return kNats;
  return kWebhook;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// A line break would begin another command of NATS, and MQTT's servers hang up on a NUL.
bool is_topic(std::string_view topic) {
  constexpr std::size_t kTopicBytes = 1024;
  if (topic.size() > kTopicBytes || topic.find_first_of("+#*> ") != std::string_view::npos) {
    return false;
  }
  return escaped(topic) == topic;
}

Result<void> check_delivery(const SinkConfig& sink) {
  if (sink.url.empty()) return invalid("url is missing");
  SHOAL_TRY(in("url", check_network_url(sink.url, schemes_of(sink.type))));
  const UrlParts url = split_url(sink.url);
  if (!url.user.empty()) {
    return invalid(sink.type == "webhook"
                       ? "url: names and passwords do not stand here: use secret_file"
                       : "url: names and passwords do not stand here: use user and password_file");
  }
  const bool encrypted = url.scheme == "mqtts" || url.scheme == "tls" || url.scheme == "https";
  if (!sink.ca_file.empty() && !encrypted) {
    return invalid(fmt::format("ca_file: {}:// is not encrypted", url.scheme));
  }
  if (sink.type == "mqtt" && sink.user.empty() && !sink.password_file.empty()) {
    return invalid("password_file: MQTT has no password without user");
  }
  if (!is_topic(sink.topic)) {
    return invalid(fmt::format("topic: expected a topic without wildcards (+ # * >) and blanks, "
                               "got \"{}\"", shortened(sink.topic)));
  }
  if (has_control(sink.user)) return invalid("user: expected a name without control characters");
  return {};
}

Result<void> check_sink(const SinkConfig& sink) {
  if (sink.type.empty()) return invalid("type is missing");
  SHOAL_TRY(in("name", check_plain_name(sink.name)));
  if (sink_has_key(sink.type, "url")) return check_delivery(sink);
  if (sink.path.empty()) return invalid("path is missing");
  return {};
}

// As the disk has it, whichever way it is written.
std::filesystem::path place_of(const std::string& path) {
  std::error_code error;
  auto place = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  if (error) place = std::filesystem::path(path).lexically_normal();
  return place.has_filename() ? place : place.parent_path();
}

bool lies_in(const std::filesystem::path& place, const std::filesystem::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), place.begin(), place.end()).first ==
         folder.end();
}

// Every file and folder that is written, once, and nothing of others in the folders of recordings
// and alarms: retention of one would delete what is another's.
Result<void> check_folders(const SiteConfig& site) {
  std::map<std::filesystem::path, std::string> owners;
  const auto claim = [&](const std::string& path, std::string owner) -> Result<void> {
    const std::filesystem::path place = place_of(path);
    for (const auto& [other, name] : owners) {
      const bool whole = name == "site.recordings" || name == "site.spool";
      if (place == other) {
        return invalid(fmt::format("{}: \"{}\" is {} already", owner, path, name));
      }
      if (whole && lies_in(place, other)) {
        return invalid(fmt::format("{}: \"{}\" lies in {}; expected a place of its own", owner,
                                   path, name));
      }
      if (owner == "site.spool" && lies_in(other, place)) {
        return invalid(fmt::format("{} lies in {}; expected a place of its own", name, owner));
      }
    }
    owners.emplace(place, std::move(owner));
    return {};
  };
  if (site.recordings.empty()) return invalid("site.recordings: expected a folder, got \"\"");
  if (site.spool.empty()) return invalid("site.spool: expected a folder, got \"\"");
  SHOAL_TRY(claim(site.recordings, "site.recordings"));
  SHOAL_TRY(claim(site.spool, "site.spool"));
  if (!site.state_file.empty()) SHOAL_TRY(claim(site.state_file, "site.state_file"));
  for (std::size_t i = 0; i < site.sinks.size(); ++i) {
    const SinkConfig& sink = site.sinks[i];
    if (!sink.path.empty()) {
      SHOAL_TRY(claim(sink.path, fmt::format("sink '{}': path", sink.name)));
    }
  }
  return {};
}

Result<void> check_model(const std::string& model, std::span<const std::string> models) {
  if (model.empty() || std::find(models.begin(), models.end(), model) != models.end()) return {};
  const std::vector<std::string_view> known(models.begin(), models.end());
  return invalid(fmt::format("model: there is no [model.{}]{}", shortened(model),
                             suggestion(model, known)));
}

}  // namespace

std::string site_label(std::string_view what, std::string_view name, std::size_t index) {
  return name.empty() ? fmt::format("{} {}", what, index + 1)
                      : fmt::format("{} '{}'", what, shortened(name));
}

Result<void> check_camera(const CameraConfig& camera) {
  if (camera.name.empty()) return invalid("name is missing");
  SHOAL_TRY(in("name", check_plain_name(camera.name)));
  if (camera.url.empty()) return invalid("url is missing");
  SHOAL_TRY(in("url", check_camera_url(camera.url)));
  SHOAL_TRY(check_kind(camera));
  if (camera.retry_min > camera.retry_max) {
    return invalid(fmt::format("retry_min_ms: expected at most retry_max_ms, {}, got {}",
                               camera.retry_max.count(), camera.retry_min.count()));
  }
  SHOAL_TRY(check_classes(camera.classes));
  if (camera.zones.size() > kZonesMax) {
    return invalid(fmt::format("zones: expected at most {}, got {}", kZonesMax,
                               camera.zones.size()));
  }
  SHOAL_TRY(check_parts("zones", camera.zones, [](const ZoneConfig& zone) -> Result<void> {
    if (zone.polygon.empty()) return invalid("polygon is missing");
    return {};
  }));
  SHOAL_TRY(check_parts("lines", camera.lines, [](const LineConfig& line) -> Result<void> {
    if (line.from == line.to) return invalid("from and to are one point");
    return {};
  }));
  if (!camera.track && (!camera.zones.empty() || !camera.lines.empty())) {
    return invalid("track: zones and lines need it");
  }
  return {};
}

void name_sinks(std::vector<SinkConfig>& sinks) {
  std::set<std::string> taken;
  std::map<std::string, int> nameless;
  for (const SinkConfig& sink : sinks) {
    if (sink.name.empty()) ++nameless[sink.type];
    taken.insert(sink.name);
  }
  std::map<std::string, int> numbers;
  for (SinkConfig& sink : sinks) {
    if (!sink.name.empty()) continue;
    std::string name = sink.type;
    while (nameless[sink.type] > 1 || taken.contains(name)) {
      name = fmt::format("{}-{}", sink.type, ++numbers[sink.type]);
      if (!taken.contains(name)) break;
    }
    taken.insert(name);
    sink.name = std::move(name);
  }
}

Result<void> check_site(const SiteConfig& site, std::span<const std::string> models) {
  SHOAL_TRY(in("site.allow_urls", check_allow_urls(site.allow_urls)));
  std::set<std::string_view> cameras;
  for (std::size_t i = 0; i < site.cameras.size(); ++i) {
    const CameraConfig& camera = site.cameras[i];
    const std::string label = site_label("camera", camera.name, i);
    SHOAL_TRY(in(label, check_camera(camera)));
    SHOAL_TRY(in(label, check_reach(camera.url, site.allow_urls)));
    if (has_hidden_secrets(camera.url)) {
      return invalid(label + ": url: *** stands for a hidden password; expected the password");
    }
    SHOAL_TRY(in(label, check_model(camera.model, models)));
    if (!cameras.insert(camera.name).second) return invalid(label + ": two have this name");
  }
  std::set<std::string_view> alarms;
  for (std::size_t i = 0; i < site.alarms.size(); ++i) {
    const AlarmConfig& alarm = site.alarms[i];
    const std::string label = site_label("alarm", alarm.name, i);
    if (!alarm.name.empty()) {
      SHOAL_TRY(in(label + ": name", check_label_name(alarm.name)));
      if (!alarms.insert(alarm.name).second) return invalid(label + ": two have this name");
    }
    SHOAL_TRY(in(label, check_alarm(alarm)));
  }
  std::set<std::string_view> sinks;
  for (std::size_t i = 0; i < site.sinks.size(); ++i) {
    const SinkConfig& sink = site.sinks[i];
    const std::string label = site_label("sink", sink.name, i);
    SHOAL_TRY(in(label, check_sink(sink)));
    if (!sinks.insert(sink.name).second) return invalid(label + ": two have this name");
  }
  return check_folders(site);
}

}  // namespace shoal
