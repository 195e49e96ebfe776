// The verbs: each adds its options to the program and returns what to run once they are parsed.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace shoal {

// "section.key", "value" pairs given as --section.key value.
using Overrides = std::vector<std::pair<std::string, std::string>>;
// Runs the verb; the process's exit status.
using VerbBody = std::function<int(const Overrides&)>;

VerbBody add_detect(CLI::App& program);
VerbBody add_eval(CLI::App& program);
VerbBody add_inspect(CLI::App& program);
VerbBody add_doctor(CLI::App& program);
VerbBody add_bench(CLI::App& program);
VerbBody add_budget(CLI::App& program);
VerbBody add_serve(CLI::App& program);
VerbBody add_run(CLI::App& program);

}  // namespace shoal
