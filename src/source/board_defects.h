// Plants defects into a board's copper and says exactly where they are.
#pragma once

#include <cstdint>
#include <vector>

#include "source/board.h"
#include "source/board_layout.h"

namespace shoal {

struct PlantOptions {
  int count = 0;  // at most this many
  int unit = 0;   // width of a usual trace in sub-pixels
  int edge_px = 0;  // no defect this near to the picture's edge
  std::uint64_t seed = 0;
};

// Changes `layers.copper` and takes the print away from around the defects. The kinds follow each
// other in turn from a random one. Boxes of different defects do not overlap; a kind for which no
// place is found after some hundred tries is left out.
[[nodiscard]] std::vector<BoardDefect> plant_defects(BoardLayers& layers,
                                                     const PlantOptions& options);

}  // namespace shoal
