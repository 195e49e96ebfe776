// The log: a thin front of spdlog, so that only log.cpp knows it. Lines go to stderr.
//
// Levels mean: error = someone must act; warn = degraded and counted; info = once a stream or
// model; debug = once a batch; trace = once a frame.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace shoal {

enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Sets what is printed. The default is kWarn. Threads: any, at any time.
void set_log_level(LogLevel level);
[[nodiscard]] bool log_enabled(LogLevel level);
void log_line(LogLevel level, std::string_view component, std::string_view message);

// log(LogLevel::kWarn, "decode", "{}: {}", name, why)
template <typename... Args>
void log(LogLevel level, std::string_view component, fmt::format_string<Args...> format,
         Args&&... args) {
  if (log_enabled(level)) {
    log_line(level, component, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace shoal
