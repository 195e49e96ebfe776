// The bar's text, and the terminal it is drawn on.
#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "cli/display_text.h"

namespace shoal {
namespace {

constexpr int kMaxBar = 32;
constexpr int kMinBar = 8;
constexpr std::string_view kMargin = "  ";
constexpr std::string_view kGap = "   ";
constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kRateWindow = std::chrono::seconds(1);

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string bar(double share, int cells, bool colour) {
  const int full = std::clamp(static_cast<int>(std::floor(share * cells)), 0, cells);
  std::string filled = repeated("█", full);
  std::string empty = repeated("░", cells - full);
  if (colour) {
    filled = "\x1b[36m" + filled + "\x1b[0m";
    empty = "\x1b[2m" + empty + "\x1b[0m";
  }
  return filled + empty;
}

}  // namespace

std::string render_progress(const ProgressState& state, int columns, bool colour) {
  columns = std::clamp(columns, 1, kMaxColumns);
  std::string count = with_thousands(state.done);
  if (state.total) {
    const std::string total = with_thousands(*state.total);
    count.insert(0, total.size() > count.size() ? total.size() - count.size() : 0, ' ');
    count += "/" + total;
  } else {
    count += fmt::format(" {}", state.unit);
  }
  std::string rate;
  std::string time;
  if (state.rate > 0) rate = fmt::format("{} {}/s", rate_text(state.rate), state.unit);
  if (!state.total) {
    time = clock_text(state.seconds);
  } else if (state.rate > 0) {
    const auto left = static_cast<double>(std::max<std::int64_t>(0, *state.total - state.done));
    time = clock_text(left / state.rate) + " left";
  }

  // What does not fit goes: the time first, then the rate. All of it is ASCII.
  std::string tail = count;
  for (const std::string& part : {rate, time}) {
    if (part.empty()) continue;
    if (kMargin.size() + tail.size() + kGap.size() + part.size() >
        static_cast<std::size_t>(columns)) {
      break;
    }
    tail += kGap;
    tail += part;
  }
  std::string line(kMargin);
  const int room = columns - static_cast<int>(2 * kMargin.size() + tail.size());
  if (state.total && *state.total > 0 && room >= kMinBar) {
    const double share = static_cast<double>(state.done) / static_cast<double>(*state.total);
    line += bar(share, std::min(room, kMaxBar), colour);
    line += kMargin;
  }
  line += tail;
  return columns < static_cast<int>(kMargin.size() + tail.size())
             ? line.substr(0, static_cast<std::size_t>(columns))
             : line;
}

int terminal_columns(std::FILE* file) {
  winsize size = {};
  if (::ioctl(::fileno(file), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::min<int>(size.ws_col, kMaxColumns);
}

ProgressBar::ProgressBar(Options options, TimePoint start)
    : options_(options), start_(start), rate_from_(start) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::update(std::int64_t done, std::optional<std::int64_t> total, TimePoint now) {
  if (drawn_at_ && now - *drawn_at_ < kRedraw) return;
  drawn_at_ = now;
  const std::chrono::duration<double> window = now - rate_from_;
  if (window >= kRateWindow) {
    const double current = static_cast<double>(done - rate_from_done_) / window.count();
    // Half old, half new: steady enough to read, and it follows a change within seconds.
    rate_ = rate_ > 0 ? (rate_ + current) / 2 : current;
    rate_from_ = now;
    rate_from_done_ = done;
  }
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const ProgressState state = {
      .done = done, .total = total, .seconds = seconds, .rate = rate_, .unit = options_.unit};
  // One column stays free: a full line would wrap on some terminals.
  const std::string line =
      render_progress(state, terminal_columns(options_.file) - 1, options_.colour);
  fmt::print(options_.file, "\r{}\x1b[K", line);
  std::fflush(options_.file);
  visible_ = true;
}

void ProgressBar::clear() {
  if (!visible_) return;
  fmt::print(options_.file, "\r\x1b[K");
  std::fflush(options_.file);
  visible_ = false;
  drawn_at_.reset();
}

}  // namespace shoal
