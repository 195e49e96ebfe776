// What `serve` and `run` share: their options, the signals, and what is printed at the start.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/model_arguments.h"
#include "cli/verbs.h"
#include "pipeline/config.h"
#include "service/service.h"
#include "shoal/result.h"

namespace shoal {

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

// The arguments outlive the parsing.
void add_serve_arguments(CLI::App& verb, ServeArguments& arguments);

// The configuration file, then the command line; at least one model.
[[nodiscard]] Result<Config> serve_config(const ServeArguments& arguments,
                                          const Overrides& overrides);
[[nodiscard]] Result<ServiceOptions> service_options(const ServeArguments& arguments,
                                                     const Config& config);

// What is written from now on can be read by its owner and group alone, files and folders, whatever
// the user's umask allows: recordings show people. What is stricter stays.
void keep_files_private();

// SIGINT, SIGTERM and SIGHUP wait for next_signal(): blocked here and in every thread that is made
// from now on.
void hold_signals();
// The next of them; nothing where none came in that time.
[[nodiscard]] std::optional<int> next_signal(std::optional<std::chrono::milliseconds> patience);
// From now on a signal ends the process at once.
void release_signals();

// Reads the configuration again and says on stderr what came of it.
void reload(Service& service, const ServeArguments& arguments, const Overrides& overrides);
// Models and addresses, on stderr.
void print_addresses(const Service& service);

}  // namespace shoal
