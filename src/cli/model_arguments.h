// The options that every verb with a model shares, and what they become.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine_load.h"
#include "pipeline/config.h"
#include "pipeline/lane_pool.h"
#include "shoal/result.h"

namespace shoal {

// What stands on the command line; unset options leave the configuration file's value.
struct ModelArguments {
  std::string config_path;
  std::optional<std::string> model;
  std::optional<std::string> family;
  std::optional<std::string> engine;
  std::optional<std::string> precision;
  std::optional<int> batch;
  std::optional<int> lanes;
  std::optional<std::string> memory_limit;
  std::optional<std::string> imgsz;   // "640" or "WIDTHxHEIGHT"
  bool rectangular = false;           // --rect
  std::string execution = "auto";     // auto | spread | batched
};

struct BoxArguments {
  std::optional<float> confidence;
  std::optional<float> iou;
  std::optional<int> max_det;
  std::vector<std::string> classes;  // numbers or names
  bool agnostic = false;
  bool multi_label = false;
};

// Adds the options to a verb. The arguments outlive the parsing.
void add_model_arguments(CLI::App& verb, ModelArguments& arguments);
void add_box_arguments(CLI::App& verb, BoxArguments& arguments);

// File, then command line; `overrides` are "section.key", "value" pairs.
// Errors   those of load_config and set_option; invalid_argument for --imgsz and --execution.
[[nodiscard]] Result<Config> make_config(
    const ModelArguments& arguments,
    const std::vector<std::pair<std::string, std::string>>& overrides);
// All but --classes, which needs the model's names.
void apply(const BoxArguments& arguments, Config& config);
// --classes for this model, whose file is read for its names.
// Errors   invalid_argument: no such class; those of inspect_model.
[[nodiscard]] Result<void> choose_classes(const BoxArguments& arguments,
                                          DetectorOptions& detector);

// Where measured decisions are remembered: $XDG_CACHE_HOME/shoal or ~/.cache/shoal.
[[nodiscard]] std::string plan_cache_path();

// The engine's options for a configuration; --rect asks the model for its size first.
[[nodiscard]] Result<EngineOptions> make_engine_options(const ModelArguments& arguments,
                                                        Config& config);

}  // namespace shoal
