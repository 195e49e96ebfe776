// Extensions, and the log's levels as the protocol's switches.
#include "service/kserve/kserve_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/log_switch.h"

namespace shoal {
namespace {

// What a client asked for last and the log has no difference for: a verbosity above 2, and the
// form of the time, which is ISO 8601 whatever it is called.
std::atomic<std::int64_t> verbose_asked{0};
std::atomic<bool> iso8601_asked{false};

struct LogSwitches {
  bool info = false;
  bool warning = false;
  bool error = false;
  bool iso8601 = false;
  std::int64_t verbose = 0;
};

LogSwitches log_switches() {
  const std::int64_t verbose = log_enabled(LogLevel::kTrace)   ? 2
                               : log_enabled(LogLevel::kDebug) ? 1
                                                               : 0;
  return {.info = log_enabled(LogLevel::kInfo),
          .warning = log_enabled(LogLevel::kWarn),
          .error = log_enabled(LogLevel::kError),
          .iso8601 = iso8601_asked,
          .verbose = verbose < 2 ? verbose : std::max<std::int64_t>(verbose, verbose_asked)};
}

LogSettings log_settings() {
  const LogSwitches now = log_switches();
  return {{"log_file", std::string()},
          {"log_info", now.info},
          {"log_warning", now.warning},
          {"log_error", now.error},
          {"log_verbose_level", now.verbose},
          {"log_format", std::string(now.iso8601 ? "ISO8601" : "default")}};
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
  } else if (name == "log_format") {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr || (*text != "default" && *text != "ISO8601")) {
      return refused(name + ": expected default or ISO8601");
    }
    next.iso8601 = *text == "ISO8601";
  } else if (name == "log_file") {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr || !text->empty()) {
      return refused(name + ": cannot be changed while the service runs");
    }
  } else {
    return refused(fmt::format("unknown log setting \"{}\"", name.substr(0, 100)));
  }
  return {};
}

// Any of the switches without the others, as Triton has them.
Result<LogSettings> change_log(const LogSettings& changes) {
  LogSwitches next = log_switches();
  for (const auto& [name, value] : changes) SHOAL_TRY(take_switch(next, name, value));
  set_log_enabled(LogLevel::kError, next.error);
  set_log_enabled(LogLevel::kWarn, next.warning);
  set_log_enabled(LogLevel::kInfo, next.info);
  set_log_enabled(LogLevel::kDebug, next.verbose > 0);
  set_log_enabled(LogLevel::kTrace, next.verbose > 1);
  verbose_asked = next.verbose;
  iso8601_asked = next.iso8601;
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
                                 "statistics", "classification", "model_configuration"};
  if (options_.model_control) names.emplace_back("model_repository");
  if (options_.trace.get && options_.trace.set) names.emplace_back("trace");
  if (options_.log.get && options_.log.set) names.emplace_back("logging");
  return names;
}

}  // namespace shoal
