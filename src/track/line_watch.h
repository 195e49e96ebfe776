// Which lines one track crosses, each crossing once however much its box trembles.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/camera_result.h"
#include "track/geometry.h"
#include "track/scene.h"

namespace shoal {

// A change of side between a line's ends is noted when it happens and counted when the anchor is
// `margin` pixels off the line: until then a step back undoes it. An instance belongs to one track
// and is used again.
class LineWatch {
 public:
  void restart(std::size_t lines);

  // The track was seen at `anchor`. Also counts the crossings, by line.
  void see(std::span<const SceneLine> lines, const Track& track, ScenePoint anchor, double margin,
           Size picture, std::vector<LineCrossing>& crossings, std::span<LineCount> counts);

 private:
  struct State {
    int side = 0;  // the last that was not 0: +1 right of the line, -1 left of it
    int open = 0;  // crossings since the anchor was last clear of the line, forward minus backward
  };
  std::vector<State> states_;  // by line
  ScenePoint before_;
  bool seen_ = false;
};

}  // namespace shoal
