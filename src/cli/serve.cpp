// `shoal serve`: the service until SIGTERM or SIGINT; SIGHUP reads the configuration again.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "cli/serving.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

namespace shoal {
namespace {

int run_serve(const ServeArguments& arguments, const Overrides& overrides) {
  auto config = serve_config(arguments, overrides);
  if (!config) return report_load_error(config.error());
  const auto options = service_options(arguments, *config);
  if (!options) return report_load_error(options.error());
  keep_files_private();
  hold_signals();
  auto service = Service::start(*options);
  if (!service) return report_load_error(service.error());
  print_addresses(**service);
  fmt::print(stderr, "ready\n");
  while (next_signal(std::nullopt) == SIGHUP) reload(**service, arguments, overrides);
  release_signals();
  fmt::print(stderr, "draining\n");
  (*service)->drain();
  fmt::print(stderr, "done\n");
  return kAllWell;
}

}  // namespace

VerbBody add_serve(CLI::App& program) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App& verb = *program.add_subcommand("serve", "the service: HTTP, gRPC, metrics");
  add_serve_arguments(verb, *arguments);
  return [arguments](const Overrides& overrides) { return run_serve(*arguments, overrides); };
}

}  // namespace shoal
