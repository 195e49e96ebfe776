// Draws a run's progress as a bar, where stderr is a terminal.
#pragma once

#include <functional>
#include <optional>

#include "cli/progress.h"
#include "cli/terminal.h"
#include "pipeline/run.h"

namespace shoal {

// For RunOptions::on_progress. The bar is made with the first item, because only then is it known
// whether items are pictures or frames; empty where stderr is no terminal. `bar` outlives the run.
[[nodiscard]] inline std::function<void(const RunProgress&)> progress_to(
    std::optional<ProgressBar>& bar) {
  if (!stderr_is_terminal()) return {};
  return [&bar, start = Clock::now()](const RunProgress& progress) {
    if (!bar && progress.done == 0) return;
    if (!bar) {
      bar.emplace(ProgressBar::Options{.colour = colour_wanted(),
                                       .unit = progress.is_video ? "frames" : "images"},
                  start);
    }
    bar->update(static_cast<std::int64_t>(progress.done), progress.total, Clock::now());
  };
}

}  // namespace shoal
