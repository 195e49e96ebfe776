// `shoal run`: cameras to sinks, with the service and the page beside them, until SIGTERM or
// SIGINT, or until all cameras are files that have ended.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "cli/serving.h"
#include "cli/site_summary.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/bounded_queue.h"
#include "core/log.h"

namespace shoal {
namespace {

struct RunArguments {
  ServeArguments serve;
  std::optional<double> seconds;
  bool check = false;
};

// Alarms for the terminal, which may be slow: the newest hundred wait, nobody else does.
class AlarmLines final : public CameraListener {
 public:
  void result(const CameraResultLease& /*result*/) override {}
  void alarm(const std::shared_ptr<const Alarm>& alarm) override {
    std::shared_ptr<const Alarm> item = alarm;
    (void)queue_.push(std::move(item), Overflow::kDropOldest);
  }
  void print() {
    while (const auto alarm = queue_.try_pop()) {
      fmt::print(stderr, "{}\n", alarm_line(**alarm));
    }
  }

 private:
  BoundedQueue<std::shared_ptr<const Alarm>> queue_{100};
};

// Says when a camera changes its state.
class StateLines {
 public:
  void print(const CameraControl& control) {
    const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now());
    for (const CameraStatus& camera : control.cameras()) {
      const auto known = states_.find(camera.number);
      const bool changed = known == states_.end() || known->second != camera.state;
      states_[camera.number] = camera.state;
      // What it does at first goes without saying.
      if (changed && camera.state != CameraState::kConnecting) {
        fmt::print(stderr, "{}\n", state_line(camera, now));
      }
    }
  }

 private:
  std::map<std::uint64_t, CameraState> states_;
};

// Until a signal ends it, the time is over, or all cameras have ended.
void watch(Service& service, const RunArguments& arguments, const Overrides& overrides,
           AlarmLines& alarms) {
  constexpr auto kLook = std::chrono::milliseconds(250);
  StateLines states;
  std::optional<TimePoint> latest;
  if (arguments.seconds) {
    latest = Clock::now() + std::chrono::duration_cast<Duration>(
                                std::chrono::duration<double>(*arguments.seconds));
  }
  while (!latest || Clock::now() < *latest) {
    const std::optional<int> signal = next_signal(kLook);
    if (signal == SIGHUP) reload(service, arguments.serve, overrides);
    if (signal && signal != SIGHUP) return;
    alarms.print();
    states.print(*service.cameras());
    if (service.cameras_ended()) return;
  }
}

// A line of the log each: in one message line breaks would be escaped.
void log_config(const Config& config) {
  if (!log_enabled(LogLevel::kInfo)) return;
  log(LogLevel::kInfo, "config", "the effective configuration:");
  std::istringstream text(config_text(config));
  for (std::string line; std::getline(text, line);) log(LogLevel::kInfo, "config", "{}", line);
}

int run_site(const RunArguments& arguments, const Overrides& overrides) {
  auto config = serve_config(arguments.serve, overrides);
  if (!config) return report_load_error(config.error());
  if (arguments.check) {
    fmt::print(stderr, "{}: {} cameras, {} alarm rules, {} sinks: well formed\n",
               arguments.serve.model.config_path, config->site.cameras.size(),
               config->site.alarms.size(), config->site.sinks.size());
    return kAllWell;
  }
  log_config(*config);
  auto options = service_options(arguments.serve, *config);
  if (!options) return report_load_error(options.error());
  options->with_cameras = true;
  keep_files_private();
  hold_signals();
  auto service = Service::start(*options);
  if (!service) return report_load_error(service.error());
  print_addresses(**service);
  fmt::print(stderr, "ready\n");
  const TimePoint begun = Clock::now();
  AlarmLines alarms;
  CameraControl& control = *(*service)->cameras();
  control.add_listener(alarms);
  watch(**service, arguments, overrides, alarms);
  control.remove_listener(alarms);
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  const auto cameras = control.cameras();  // as they were when they ran
  release_signals();
  (*service)->drain();
  alarms.print();
  fmt::print(stderr, "{}", site_summary(cameras, control.sinks(), seconds));
  if ((*service)->is_stuck()) {
    std::fflush(nullptr);
    std::_Exit(kAllWell);  // threads that hang in the kernel use what would be destroyed
  }
  return kAllWell;
}

}  // namespace

VerbBody add_run(CLI::App& program) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App& verb = *program.add_subcommand("run", "cameras to sinks, with service and page");
  add_serve_arguments(verb, arguments->serve);
  verb.remove_option(verb.get_option("--config"));
  verb.add_option("CONFIG", arguments->serve.model.config_path,
                  "cameras, alarms, sinks, models and service: see docs/cameras.md")
      ->required()
      ->type_name("FILE");
  verb.add_option("--seconds", arguments->seconds, "ends after this long")->type_name("N");
  verb.add_flag("--check", arguments->check, "reads the configuration and stops");
  return [arguments](const Overrides& overrides) { return run_site(*arguments, overrides); };
}

}  // namespace shoal
