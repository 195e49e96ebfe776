// What the verbs share in speaking to a person: errors, colours, Ctrl-C.
#pragma once

#include <atomic>
#include <string_view>

#include "cli/exit_status.h"
#include "shoal/result.h"

namespace shoal {

// "shoal: MESSAGE" on stderr. Returns the status that goes with the error's code where it happened
// while loading: kWrongUsage for a wrong option, kCannotLoad for the rest.
int report_load_error(const Error& error);
// Prints the message and returns `status`.
int report(std::string_view message, ExitStatus status);

// stderr is a terminal; and colour is wanted there (NO_COLOR is not set).
[[nodiscard]] bool stderr_is_terminal();
[[nodiscard]] bool colour_wanted();

// Set by the first SIGINT or SIGTERM after catch_interrupts(); the second ends the process.
void catch_interrupts();
[[nodiscard]] const std::atomic<bool>& interrupted();
// The exit status for it, as shells have it: 128 + the signal's number.
[[nodiscard]] int interrupted_status();

// Writes a whole file or, for "-", standard output.
[[nodiscard]] Result<void> write_output(std::string_view path, std::string_view text);

}  // namespace shoal
