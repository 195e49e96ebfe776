// The progress bar: what it says (a pure function) and when it is drawn (at most ten times a
// second). Whether stderr is a terminal, and whether colour is wanted, is the caller's knowledge.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace shoal {

// No output for people is wider, however wide the terminal is.
inline constexpr int kMaxColumns = 100;

struct ProgressState {
  std::int64_t done = 0;
  std::optional<std::int64_t> total;  // not known of streams
  double seconds = 0;                 // since the start
  double rate = 0;                    // items a second of late; 0 while unknown
  std::string_view unit = "images";   // "frames" for videos
};

// One line without its end, at most `columns` wide (in columns, not bytes), for example
// "  ████████████░░░░  96/128   40.1 images/s   0:01 left". The bar is the first to go where
// columns are few. Colour only adds to it: escape codes that take no columns.
[[nodiscard]] std::string render_progress(const ProgressState& state, int columns, bool colour);

// Columns of the terminal behind `file`, at most 100; 80 where it does not say.
[[nodiscard]] int terminal_columns(std::FILE* file);

// Threads  one at a time.
class ProgressBar {
 public:
  struct Options {
    std::FILE* file = stderr;  // a terminal
    bool colour = false;
    std::string_view unit = "images";
  };
  ProgressBar(Options options, TimePoint start);
  ~ProgressBar();  // clears
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Draws if the last drawing is at least 100 ms ago. Cheap otherwise: call it for every item.
  void update(std::int64_t done, std::optional<std::int64_t> total, TimePoint now);
  // Removes the bar's line, for example before other words are printed; update() draws it again.
  void clear();

 private:
  Options options_;
  TimePoint start_;
  std::optional<TimePoint> drawn_at_;
  bool visible_ = false;
  // The rate is measured from here; moved on every few seconds, so that it follows changes.
  TimePoint rate_from_;
  std::int64_t rate_from_done_ = 0;
  double rate_ = 0;
};

}  // namespace shoal
