// Lines of one track.
#include "track/line_watch.h"

#include <algorithm>
#include <cmath>

namespace shoal {

void LineWatch::restart(std::size_t lines) {
  states_.assign(lines, State{});
  seen_ = false;
}

void LineWatch::see(std::span<const SceneLine> lines, const Track& track, ScenePoint anchor,
                    double margin, Size picture, std::vector<LineCrossing>& crossings,
                    std::span<LineCount> counts) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const SceneLine& line = lines[i];
    if (!line.classes.empty() && std::find(line.classes.begin(), line.classes.end(),
                                           track.class_id) == line.classes.end()) {
      continue;
    }
    State& state = states_[i];
    const double distance = distance_to_line(line.from, line.to, anchor, picture);
    const int side = distance > 0 ? 1 : distance < 0 ? -1 : 0;
    if (side != 0) {
      if (seen_ && state.side == -side && passes_between(line.from, line.to, before_, anchor)) {
        state.open += side;
      }
      state.side = side;
    }
    if (state.open == 0 || std::abs(distance) < margin) continue;
    const bool forward = state.open > 0;
    state.open = 0;
    ++(forward ? counts[i].forward : counts[i].backward);
    crossings.push_back(
        {.line = static_cast<std::int32_t>(i),
         .direction = forward ? CrossingDirection::kForward : CrossingDirection::kBackward,
         .track = track.id,
         .class_id = track.class_id});
  }
  before_ = anchor;
  seen_ = true;
}

}  // namespace shoal
