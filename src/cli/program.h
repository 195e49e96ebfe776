// The command line: verbs, global options, unknown options with a suggestion.
#pragma once

namespace shoal {

// Parses and runs; the process's exit status.
[[nodiscard]] int run_program(int argc, char** argv);

}  // namespace shoal
