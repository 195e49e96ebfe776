// Extensions, and the log's level as the protocol's four switches.
#include "service/kserve/kserve_service.h"

#include <fmt/format.h>

#include <utility>

#include "core/log.h"

namespace shoal {
namespace {

struct LogSwitches {
  bool info = false;
  bool warning = false;
  bool error = false;
  std::int64_t verbose = 0;
};

LogSwitches log_switches() {
  return {.info = log_enabled(LogLevel::kInfo),
          .warning = log_enabled(LogLevel::kWarn),
          .error = log_enabled(LogLevel::kError),
          .verbose = log_enabled(LogLevel::kTrace)   ? 2
                     : log_enabled(LogLevel::kDebug) ? 1
                                                     : 0};
}

LogSettings log_settings() {
  const LogSwitches now = log_switches();
  return {{"log_file", std::string()},
          {"log_info", now.info},
          {"log_warning", now.warning},
          {"log_error", now.error},
          {"log_verbose_level", now.verbose},
          {"log_format", std::string("default")}};
}

Error refused(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Result<void> take_switch(LogSwitches& next, const std::string& name, const LogValue& value) {
  bool* const flag = name == "log_info"      ? &next.info
                     : name == "log_warning" ? &next.warning
                     : name == "log_error"   ? &next.error
                                             : nullptr;
  if (flag != nullptr) {
    const auto* wanted = std::get_if<bool>(&value);
    if (wanted == nullptr) return refused(fmt::format("{}: expected true or false", name));
    *flag = *wanted;
  } else if (name == "log_verbose_level") {
    const auto* level = std::get_if<std::int64_t>(&value);
    if (level == nullptr || *level < 0) return refused(name + ": expected a number from 0");
    next.verbose = *level;
  } else if (name == "log_file" || name == "log_format") {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr || *text != (name == "log_file" ? "" : "default")) {
      return refused(name + ": cannot be changed while the service runs");
    }
  } else {
    return refused(fmt::format("unknown log setting \"{}\"", name.substr(0, 100)));
  }
  return {};
}

Result<LogSettings> change_log(const LogSettings& changes) {
  LogSwitches next = log_switches();
  for (const auto& [name, value] : changes) SHOAL_TRY(take_switch(next, name, value));
  if ((next.verbose > 0 && !next.info) || (next.info && !next.warning) ||
      (next.warning && !next.error)) {
    return refused("the log has one threshold: what is less severe cannot be on while what is more "
                   "severe is off (verbose < info < warning < error)");
  }
  set_log_level(next.verbose > 1    ? LogLevel::kTrace
                : next.verbose == 1 ? LogLevel::kDebug
                : next.info         ? LogLevel::kInfo
                : next.warning      ? LogLevel::kWarn
                : next.error        ? LogLevel::kError
                                    : LogLevel::kOff);
  return log_settings();
}

}  // namespace

LogHooks log_hooks() { return {.get = log_settings, .set = change_log}; }

KserveService::KserveService(KserveOptions options)
    : options_(std::move(options)),
      workers_("kserve-answer", options_.threads),
      control_("kserve-control", options_.control_threads) {}

std::vector<std::string> KserveService::extensions() const {
  std::vector<std::string> names{"binary_tensor_data", "parameters", "schedule_policy",
                                 "statistics", "classification"};
  if (options_.model_control) names.emplace_back("model_repository");
  if (options_.trace.get && options_.trace.set) names.emplace_back("trace");
  if (options_.log.get && options_.log.set) names.emplace_back("logging");
  return names;
}

}  // namespace shoal
