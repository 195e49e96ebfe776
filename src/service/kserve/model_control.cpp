// Names of entries to names of the registry, and what a load request may change.
#include "service/kserve/model_control.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "service/kserve/entry.h"
#include "service/kserve/model_config.h"

namespace shoal {
namespace {

// The registry's name for what a client calls NAME or NAME_boxes.
std::string registry_name(const ModelAccess& models, std::string_view name) {
  const std::vector<ModelStatus> known = models.index();
  const auto is_known = [&](std::string_view one) {
    return std::ranges::find(known, one, &ModelStatus::name) != known.end();
  };
  if (!is_known(name) && name.ends_with(kBoxesSuffix)) {
    const std::string_view stem = name.substr(0, name.size() - kBoxesSuffix.size());
    if (is_known(stem)) return std::string(stem);
  }
  return std::string(name);
}

Result<void> check_control(const KserveService& service, std::string_view name) {
  if (!service.options().model_control) {
    return Error{ErrorCode::kUnsupported, std::string(kNoModelControl)};
  }
  if (!is_model_name(name)) {
    return Error{ErrorCode::kNotFound, "there is no model of that name: it is not a model's name"};
  }
  return {};
}

// What the model is loaded with now, or would be.
Result<DetectorOptions> present_options(const ModelAccess& models, const std::string& name) {
  if (models.source) {
    auto options = models.source(name);
    if (options) return options;
  }
  const auto host = SHOAL_TRY(models.find(name));
  return host->detector_options();
}

}  // namespace

std::vector<IndexLine> model_index(const KserveService& service, bool ready) {
  std::vector<IndexLine> lines;
  for (const ModelStatus& status : service.models().index()) {
    if (ready && status.state != ModelState::kReady) continue;
    IndexLine line{.name = status.name, .version = {}, .state = {}, .reason = status.reason};
    switch (status.state) {
      case ModelState::kReady: line.state = "READY"; break;
      case ModelState::kLoading: line.state = "LOADING"; break;
      case ModelState::kUnloaded:
        line.state = "UNAVAILABLE";
        if (line.reason.empty()) line.reason = "not loaded";
        break;
      case ModelState::kUnavailable: line.state = "UNAVAILABLE"; break;
    }
    line.version = "1";
    if (const auto host = service.models().find(status.name)) {
      line.version = model_version((*host)->detector_options().model);
    }
    lines.push_back(line);
    line.name += kBoxesSuffix;
    lines.push_back(std::move(line));
  }
  std::ranges::sort(lines, {}, &IndexLine::name);
  return lines;
}

Result<void> load_model(const KserveService& service, std::string_view name,
                        const Parameters& parameters, std::string_view by) {
  SHOAL_TRY(check_control(service, name));
  const std::string model = registry_name(service.models(), name);
  const ParameterValue* config = nullptr;
  for (const auto& [key, value] : parameters) {
    if (key == "config") {
      config = &value;
    } else if (key.starts_with("file:")) {
      return Error{ErrorCode::kUnsupported,
                   "model files cannot be sent in a load request: put them into the repository"};
    } else {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("unknown parameter \"{}\"; load takes config", key.substr(0, 100))};
    }
  }
  if (config == nullptr) {
    SHOAL_TRY(service.models().load(model));
    log(LogLevel::kWarn, "repository", "{}: loaded, as {} asked", model, by);
    return {};
  }
  const auto* text = std::get_if<std::string>(config);
  if (text == nullptr) return Error{ErrorCode::kInvalidArgument, "config: expected JSON as text"};
  ReadConfig read = SHOAL_TRY(read_config_json(*text));
  DetectorOptions options = SHOAL_TRY(present_options(service.models(), model));
  SHOAL_TRY(apply_config(read, model, "", options));
  for (const std::string& note : read.notes) {
    log(LogLevel::kWarn, "repository", "{}: config of the load request: {}", model, note);
  }
  SHOAL_TRY(service.models().load_changed(model, options));
  log(LogLevel::kWarn, "repository", "{}: loaded with a changed configuration, as {} asked", model,
      by);
  return {};
}

Result<void> unload_model(const KserveService& service, std::string_view name,
                          std::string_view by) {
  SHOAL_TRY(check_control(service, name));
  const std::string model = registry_name(service.models(), name);
  SHOAL_TRY(service.models().unload(model));
  log(LogLevel::kWarn, "repository", "{}: unloaded, as {} asked", model, by);
  return {};
}

}  // namespace shoal
