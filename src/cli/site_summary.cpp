#include "cli/site_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "cli/display_text.h"

namespace shoal {
namespace {

constexpr std::size_t kNameColumns = 16;

std::string clock_of(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{:02}:{:02}:{:02}", clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::string shortened(std::string_view name) {
  std::string text = printable(name);
  if (text.size() > kNameColumns) text = text.substr(0, kNameColumns - 2) + "..";
  return text;
}

// "newer 20, rate 880": the most frequent first, motion apart as it is a saving.
std::string drops_text(const CameraStatus& camera) {
  std::vector<std::pair<std::uint64_t, std::string_view>> drops;
  for (std::size_t i = 0; i < kFrameDropCount; ++i) {
    if (camera.dropped[i] > 0) drops.emplace_back(camera.dropped[i], kFrameDropNames[i]);
  }
  std::sort(drops.rbegin(), drops.rend());
  std::string text;
  for (const auto& [count, reason] : drops) {
    if (text.size() > 24) break;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", reason,
                        with_thousands(static_cast<std::int64_t>(count)));
  }
  return text.empty() ? "-" : text;
}

void append_cameras(std::string& out, std::span<const CameraStatus> cameras, double seconds) {
  out += fmt::format("  {:<16} {:<10} {:>10} {:>7} {:>7} {:>9} {:>7}  {}\n", "camera", "state",
                     "size", "in/s", "out/s", "p99 ms", "alarms", "not analysed");
  for (const CameraStatus& camera : cameras) {
    const auto rate = [&](std::uint64_t count) {
      return seconds > 0 ? static_cast<double>(count) / seconds : 0.0;
    };
    out += fmt::format("  {:<16} {:<10} {:>10} {:>7.1f} {:>7.1f} {:>9.0f} {:>7}  {}\n",
                       shortened(camera.config.name), to_string(camera.state),
                       camera.size.width > 0
                           ? fmt::format("{}x{}", camera.size.width, camera.size.height)
                           : "-",
                       rate(camera.packets), rate(camera.analysed), camera.latency_ms_p99,
                       camera.alarms, drops_text(camera));
  }
}

void append_sinks(std::string& out, std::span<const SinkStatus> sinks) {
  if (sinks.empty()) return;
  out += fmt::format("\n  {:<16} {:<30} {:>9} {:>9}\n", "sink", "written", "dropped", "spooled");
  for (const SinkStatus& sink : sinks) {
    out += fmt::format("  {:<16} {:<30} {:>9} {:>9}{}{}\n", shortened(sink.name),
                       printable(sink.written),
                       with_thousands(static_cast<std::int64_t>(sink.dropped)),
                       with_thousands(static_cast<std::int64_t>(sink.spooled)),
                       sink.error.empty() ? "" : "  ", printable(sink.error));
  }
}

// What a person would change first; "" where nothing stands out.
std::string suggestion_for(std::span<const CameraStatus> cameras) {
  const CameraStatus* greedy = nullptr;
  std::uint64_t most = 0;
  for (const CameraStatus& camera : cameras) {
    const std::uint64_t newer = camera.dropped[static_cast<std::size_t>(FrameDrop::kNewer)];
    if (newer > camera.analysed && newer > most && camera.config.fps_max == 0) {
      most = newer;
      greedy = &camera;
    }
  }
  if (greedy == nullptr) return {};
  return fmt::format("{}: {} frames gave way to newer ones; fps_max = {:.0f} "
                     "would say what fits",
                     shortened(greedy->config.name),
                     with_thousands(static_cast<std::int64_t>(most)),
                     std::max(1.0, greedy->fps_out));
}

}  // namespace

std::string site_summary(std::span<const CameraStatus> cameras, std::span<const SinkStatus> sinks,
                         double seconds) {
  std::uint64_t analysed = 0;
  std::uint64_t saved = 0;
  std::uint64_t alarms = 0;
  for (const CameraStatus& camera : cameras) {
    analysed += camera.analysed;
    saved += camera.dropped[static_cast<std::size_t>(FrameDrop::kMotion)];
    alarms += camera.alarms;
  }
  const auto plural = [](std::uint64_t count) { return count == 1 ? "" : "s"; };
  std::string out = fmt::format(
      "\n{} camera{}, {} frames analysed, {} alarm{} in {}{:>20} images/s\n\n", cameras.size(),
      plural(cameras.size()), with_thousands(static_cast<std::int64_t>(analysed)), alarms,
      plural(alarms), duration_text(seconds),
      rate_text(seconds > 0 ? static_cast<double>(analysed) / seconds : 0));
  append_cameras(out, cameras, seconds);
  append_sinks(out, sinks);
  if (saved > 0) {
    out += fmt::format("\n  saved        {} inferences by the motion gates\n",
                       with_thousands(static_cast<std::int64_t>(saved)));
  }
  if (const std::string better = suggestion_for(cameras); !better.empty()) {
    out += fmt::format("\n  faster       {}\n", better);
  }
  return out;
}

std::string alarm_line(const Alarm& alarm) {
  return fmt::format("{} alarm    {}: {}", clock_of(alarm.at), printable(alarm.camera),
                     printable(alarm.message));
}

std::string state_line(const CameraStatus& camera, WallTime now) {
  std::string line = fmt::format("{} camera   {}: {}", clock_of(now),
                                 printable(camera.config.name), to_string(camera.state));
  if (!camera.error.empty()) line += ": " + printable(camera.error);
  if (camera.retry_at) {
    const double wait = std::chrono::duration<double>(*camera.retry_at - now).count();
    line += fmt::format("; again in {:.1f} s", std::max(0.0, wait));
  }
  return line;
}

}  // namespace shoal
