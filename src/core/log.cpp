// The only file that knows spdlog.
#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "core/escaped_text.h"
#include "core/log_switch.h"
#include "core/url_secrets.h"

namespace shoal {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace: return spdlog::level::trace;
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kOff: return spdlog::level::off;
  }
  return spdlog::level::off;
}

constexpr std::uint32_t bit_of(LogLevel level) { return 1U << static_cast<unsigned>(level); }

// The levels that are as severe as `level` or more.
constexpr std::uint32_t from(LogLevel level) {
  return (bit_of(LogLevel::kOff) - 1) & ~(bit_of(level) - 1);
}

// By level, which of its lines are printed. What spdlog has is a threshold, which lets all pass.
std::atomic<std::uint32_t> enabled_levels{from(LogLevel::kWarn)};

spdlog::logger& logger() {
  static const auto instance = [] {
    auto created = spdlog::stderr_color_mt("shoal");
    created->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    created->set_level(spdlog::level::trace);
    return created;
  }();
  return *instance;
}

}  // namespace

void set_log_level(LogLevel level) { enabled_levels.store(from(level), std::memory_order_relaxed); }

void set_log_enabled(LogLevel level, bool enabled) {
  const std::uint32_t bit = bit_of(level) & from(LogLevel::kTrace);
  if (enabled) {
    enabled_levels.fetch_or(bit, std::memory_order_relaxed);
  } else {
    enabled_levels.fetch_and(~bit, std::memory_order_relaxed);
  }
}

bool log_enabled(LogLevel level) {
  return (enabled_levels.load(std::memory_order_relaxed) & bit_of(level)) != 0;
}

void log_line(LogLevel level, std::string_view component, std::string_view message) {
  // What others have named, sent or answered stands in many lines: here none of it gets out of its
  // line, and no URL tells its secrets.
  logger().log(to_spdlog(level), "{}: {}", component, escaped(text_without_secrets(message)));
}

}  // namespace shoal
