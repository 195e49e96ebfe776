#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace shoal {
namespace {

std::atomic<bool> interrupt_seen = false;
std::atomic<int> interrupt_number = 0;

extern "C" void on_interrupt(int number) {
  interrupt_number = number;
  interrupt_seen = true;
  std::signal(number, SIG_DFL);
}

}  // namespace

int report(std::string_view message, ExitStatus status) {
  fmt::print(stderr, "shoal: {}\n", message);
  return status;
}

int report_load_error(const Error& error) {
  return report(error.message, error.code == ErrorCode::kInvalidArgument ? kWrongUsage
                                                                         : kCannotLoad);
}

bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

bool colour_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  return stderr_is_terminal() && (no_color == nullptr || *no_color == '\0');
}

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

const std::atomic<bool>& interrupted() { return interrupt_seen; }

int interrupted_status() { return 128 + interrupt_number; }

Result<void> write_output(std::string_view path, std::string_view text) {
  std::FILE* file = path == "-" ? stdout : std::fopen(std::string(path).c_str(), "wb");
  const auto failed = [path] {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: cannot be written: {}", path, std::strerror(errno))};
  };
  if (file == nullptr) return failed();
  const bool whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool flushed = file == stdout ? std::fflush(file) == 0 : std::fclose(file) == 0;
  if (!whole || !flushed) return failed();
  return {};
}

}  // namespace shoal
