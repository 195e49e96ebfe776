#include "cli/serving.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <utility>

namespace shoal {
namespace {

sigset_t held_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

// "NAME=PATH"; a bare built-in name or path is called by its stem.
NamedModel named_model(const std::string& text, const Config& config) {
  NamedModel model{.name = {}, .detector = config.detector};
  const std::size_t equals = text.find('=');
  model.detector.model = equals == std::string::npos ? text : text.substr(equals + 1);
  if (equals != std::string::npos) {
    model.name = text.substr(0, equals);
    return model;
  }
  model.name = text.substr(text.rfind('/') + 1);
  model.name = model.name.substr(0, model.name.rfind('.'));
  return model;
}

}  // namespace

void add_serve_arguments(CLI::App& verb, ServeArguments& arguments) {
  add_model_arguments(verb, arguments.model);
  add_box_arguments(verb, arguments.boxes);
  verb.remove_option(verb.get_option("--model"));
  verb.add_option("-m,--model", arguments.models,
                  "NAME=PATH of an ONNX or IR file, or 'pcb'; may be given several times")
      ->allow_extra_args(false)
      ->type_name("MODEL");
  verb.option_defaults()->take_last();
  verb.add_option("--repository", arguments.repository,
                  "folder of models laid out as for Triton: NAME/1/model.onnx")
      ->type_name("DIR");
  verb.add_option("--http", arguments.http, "host:port of HTTP (127.0.0.1:8000); \"\" is off")
      ->type_name("ADDRESS");
  verb.add_option("--grpc", arguments.grpc, "host:port of gRPC (127.0.0.1:8001); \"\" is off")
      ->type_name("ADDRESS");
  verb.add_option("--metrics", arguments.metrics,
                  "host:port of the metrics (127.0.0.1:8002); \"\" is off")
      ->type_name("ADDRESS");
  verb.add_option("--request-log", arguments.request_log, "JSON lines, one a picture")
      ->type_name("FILE");
}

Result<Config> serve_config(const ServeArguments& arguments, const Overrides& overrides) {
  Overrides all = overrides;
  const auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value) all.emplace_back(name, *value);
  };
  add("service.http", arguments.http);
  add("service.grpc", arguments.grpc);
  add("service.metrics", arguments.metrics);
  add("service.repository", arguments.repository);
  add("service.request_log", arguments.request_log);
  Config config = SHOAL_TRY(make_config(arguments.model, all));
  apply(arguments.boxes, config);
  if (!arguments.models.empty()) {
    config.models.clear();
    for (const std::string& text : arguments.models) {
      config.models.push_back(named_model(text, config));
    }
  } else if (config.models.empty() && config.service.repository.empty()) {
    config.models.push_back(named_model(config.detector.model, config));
  }
  for (NamedModel& model : config.models) {
    SHOAL_TRY(choose_classes(arguments.boxes, model.detector));
    if (!arguments.model.rectangular) continue;
    Config one = config;
    one.detector = model.detector;
    model.detector.shapes = SHOAL_TRY(make_engine_options(arguments.model, one)).buckets;
  }
  return config;
}

Result<ServiceOptions> service_options(const ServeArguments& arguments, const Config& config) {
  Config asked = config;  // --rect would ask the common model, which may not be there
  ModelArguments plain = arguments.model;
  plain.rectangular = false;
  const EngineOptions engine = SHOAL_TRY(make_engine_options(plain, asked));
  return ServiceOptions{
      .config = config, .plan_cache = engine.plan_cache, .execution = engine.execution};
}

void keep_files_private() {
  const mode_t before = umask(S_IRWXO | S_IWGRP);
  umask(before | S_IRWXO | S_IWGRP);
}

void hold_signals() {
  const sigset_t signals = held_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::optional<int> next_signal(std::optional<std::chrono::milliseconds> patience) {
  const sigset_t signals = held_signals();
  if (!patience) {
    int signal = 0;
    sigwait(&signals, &signal);
    return signal;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*patience);
  const timespec time{.tv_sec = seconds.count(),
                      .tv_nsec = std::chrono::nanoseconds(*patience - seconds).count()};
  const int signal = sigtimedwait(&signals, nullptr, &time);
  return signal > 0 ? std::optional(signal) : std::nullopt;
}

void release_signals() {
  const sigset_t signals = held_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void reload(Service& service, const ServeArguments& arguments, const Overrides& overrides) {
  const auto changed = serve_config(arguments, overrides);
  if (!changed) {
    fmt::print(stderr, "reload: {}; nothing was changed\n", changed.error().message);
    return;
  }
  for (const std::string& line : service.reload(*changed)) {
    fmt::print(stderr, "reload: {}\n", line);
  }
  fmt::print(stderr, "reload: done\n");
}

void print_addresses(const Service& service) {
  const ServiceAddresses& at = service.addresses();
  for (const std::string& line : service.models()) fmt::print(stderr, "{}\n", line);
  if (!at.http.empty()) fmt::print(stderr, "http     http://{}/\n", at.http);
  if (!at.grpc.empty()) fmt::print(stderr, "grpc     {}\n", at.grpc);
  if (!at.metrics.empty()) fmt::print(stderr, "metrics  http://{}/metrics\n", at.metrics);
}

}  // namespace shoal
