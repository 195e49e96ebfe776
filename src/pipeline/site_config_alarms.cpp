// What alarms and sinks name, against the cameras that are there.
#include "pipeline/site_config_alarms.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/escaped_text.h"
#include "core/invalid.h"
#include "core/suggest.h"
#include "pipeline/config_values.h"
#include "pipeline/site_config_check.h"
#include "track/alarm_rule.h"

namespace shoal {
namespace {

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `word` is one of `known`; `what` it should be: "camera", "zone".
Result<void> check_known(std::string_view what, const std::string& word,
                         const std::vector<std::string>& known) {
  if (holds(known, word)) return {};
  const std::vector<std::string_view> views(known.begin(), known.end());
  return invalid(fmt::format("there is no {} '{}'{}", what, shortened(word),
                             suggestion(word, views)));
}

Result<void> check_cameras(const std::vector<std::string>& wanted,
                           const std::vector<std::string>& known) {
  for (const std::string& name : wanted) {
    const Result<void> checked = check_known("camera", name, known);
    if (!checked) return at_place("cameras", checked.error());
  }
  return {};
}

// Names of the zones or lines of the cameras that an alarm is about.
template <typename Part>
std::vector<std::string> names_of(const SiteConfig& site, const AlarmConfig& alarm,
                                  std::vector<Part> CameraConfig::*parts) {
  std::vector<std::string> names;
  for (const CameraConfig& camera : site.cameras) {
    if (!alarm.cameras.empty() && !holds(alarm.cameras, camera.name)) continue;
    for (const Part& part : camera.*parts) names.push_back(part.name);
  }
  return names;
}

// Cameras that the condition itself names do not narrow this: it may name them to leave them out.
Result<void> check_rule(const SiteConfig& site, const AlarmConfig& alarm,
                        const std::vector<std::string>& cameras) {
  const AlarmRule rule = SHOAL_TRY(AlarmRule::parse(alarm.when));
  for (const std::string& camera : rule.cameras()) {
    SHOAL_TRY(check_known("camera", camera, cameras));
  }
  const auto zones = names_of(site, alarm, &CameraConfig::zones);
  for (const std::string& zone : rule.zones()) SHOAL_TRY(check_known("zone", zone, zones));
  const auto lines = names_of(site, alarm, &CameraConfig::lines);
  for (const std::string& line : rule.lines()) SHOAL_TRY(check_known("line", line, lines));
  return {};
}

}  // namespace

Result<void> check_alarm(const AlarmConfig& alarm) {
  if (alarm.when.empty()) return invalid("when is missing");
  const auto rule = AlarmRule::parse(alarm.when);
  if (!rule) return at_place("when", rule.error());
  return {};
}

Result<void> check_references(const SiteConfig& site) {
  std::vector<std::string> cameras;
  for (const CameraConfig& camera : site.cameras) cameras.push_back(camera.name);
  for (std::size_t i = 0; i < site.alarms.size(); ++i) {
    const AlarmConfig& alarm = site.alarms[i];
    Result<void> checked = check_cameras(alarm.cameras, cameras);
    if (checked) {
      checked = check_rule(site, alarm, cameras);
      if (!checked) checked = at_place("when", checked.error());
    }
    if (!checked) return at_place(site_label("alarm", alarm.name, i), checked.error());
  }
  for (std::size_t i = 0; i < site.sinks.size(); ++i) {
    const SinkConfig& sink = site.sinks[i];
    const Result<void> checked = check_cameras(sink.cameras, cameras);
    if (!checked) return at_place(site_label("sink", sink.name, i), checked.error());
  }
  return {};
}

}  // namespace shoal
