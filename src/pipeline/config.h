// shoal.toml: the file's sections and keys to options. The only place that knows the format.
#pragma once

#include <string>
#include <string_view>

#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

struct Config {
  DetectorOptions detector;
  int decode_threads = 0;     // of pictures; videos are decoded by their reader. 0: by the cores
  bool scaled_decode = false;  // JPEGs only as large as the network needs
};

// Reads a configuration; what it does not name keeps its default. `name` begins every message.
//
// Errors   corrupt_input: not TOML (with line and column); invalid_argument: an unknown section or
//          key (with a suggestion), a value of the wrong type or out of its range.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view name);

// Errors   as above, and not_found.
[[nodiscard]] Result<Config> load_config(const std::string& path);

// Sets one option by the name that it has in the file, "scheduler.queue_delay_ms", from text as it
// stands on the command line. The model's options have the section "model".
// Errors   as parse_config.
[[nodiscard]] Result<void> set_option(Config& config, std::string_view name,
                                      std::string_view value);

}  // namespace shoal
