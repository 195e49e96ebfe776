// `shoal serve`: the service until SIGTERM or SIGINT; SIGHUP reads the configuration again.
#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <cstdio>

#include "cli/model_arguments.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "service/service.h"

namespace shoal {
namespace {

struct ServeArguments {
  ModelArguments model;
  BoxArguments boxes;
  std::vector<std::string> models;  // NAME=PATH, or a built-in name
  std::optional<std::string> repository;
  std::optional<std::string> http;
  std::optional<std::string> grpc;
  std::optional<std::string> metrics;
  std::optional<std::string> request_log;
};

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
    if (!arguments.model.rectangular) continue;
    Config one = config;
    one.detector = model.detector;
    model.detector.shapes = SHOAL_TRY(make_engine_options(arguments.model, one)).buckets;
  }
  return config;
}

void print_start(const Service& service) {
  const ServiceAddresses& at = service.addresses();
  for (const std::string& line : service.models()) fmt::print(stderr, "{}\n", line);
  if (!at.http.empty()) fmt::print(stderr, "http     http://{}/\n", at.http);
  if (!at.grpc.empty()) fmt::print(stderr, "grpc     {}\n", at.grpc);
  if (!at.metrics.empty()) fmt::print(stderr, "metrics  http://{}/metrics\n", at.metrics);
  fmt::print(stderr, "ready\n");
}

int run_serve(const ServeArguments& arguments, const Overrides& overrides) {
  auto config = serve_config(arguments, overrides);
  if (!config) return report_load_error(config.error());

  // Every thread that is made from here on inherits the mask: the signals wait for sigwait below.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Config asked = *config;  // --rect would ask the common model, which may not be there
  ModelArguments plain = arguments.model;
  plain.rectangular = false;
  const auto engine = make_engine_options(plain, asked);
  if (!engine) return report_load_error(engine.error());
  auto service = Service::start({.config = *config, .plan_cache = engine->plan_cache,
                                 .execution = engine->execution});
  if (!service) return report_load_error(service.error());
  print_start(**service);
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) break;
    const auto changed = serve_config(arguments, overrides);
    if (!changed) {
      fmt::print(stderr, "reload: {}; nothing was changed\n", changed.error().message);
      continue;
    }
    const auto lines = (*service)->reload(*changed);
    for (const std::string& line : lines) fmt::print(stderr, "reload: {}\n", line);
    fmt::print(stderr, "reload: done\n");
  }
  // A second signal ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  fmt::print(stderr, "draining\n");
  (*service)->drain();
  fmt::print(stderr, "done\n");
  return kAllWell;
}

}  // namespace

VerbBody add_serve(CLI::App& program) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App& verb = *program.add_subcommand("serve", "the service: HTTP, gRPC, metrics");
  add_model_arguments(verb, arguments->model);
  add_box_arguments(verb, arguments->boxes);
  verb.remove_option(verb.get_option("--model"));
  verb.add_option("-m,--model", arguments->models,
                  "NAME=PATH of an ONNX or IR file, or 'pcb'; may be given several times")
      ->type_name("MODEL");
  verb.option_defaults()->take_last();
  verb.add_option("--repository", arguments->repository,
                  "folder of models laid out as for Triton: NAME/1/model.onnx")
      ->type_name("DIR");
  verb.add_option("--http", arguments->http, "host:port of HTTP (127.0.0.1:8000); \"\" is off")
      ->type_name("ADDRESS");
  verb.add_option("--grpc", arguments->grpc, "host:port of gRPC (127.0.0.1:8001); \"\" is off")
      ->type_name("ADDRESS");
  verb.add_option("--metrics", arguments->metrics,
                  "host:port of the metrics (127.0.0.1:8002); \"\" is off")
      ->type_name("ADDRESS");
  verb.add_option("--request-log", arguments->request_log, "JSON lines, one a picture")
      ->type_name("FILE");
  return [arguments](const Overrides& overrides) { return run_serve(*arguments, overrides); };
}

}  // namespace shoal
