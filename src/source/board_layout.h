// Where things are on a board before anything goes wrong: pads, holes, copper areas and the traces
// between them, drawn into one plane a layer. Defects and colours come later, elsewhere.
#pragma once

#include <cstdint>

#include "source/board_canvas.h"

namespace shoal {

struct BoardLayers {
  Plane copper;  // what conducts, drilled holes taken out
  Plane hole;    // drilled through
  Plane bare;    // openings of the solder mask
  Plane silk;    // white print

  BoardLayers(int width, int height)
      : copper(width, height), hole(width, height), bare(width, height), silk(width, height) {}
};

struct LayoutOptions {
  int width = 0;   // pixels
  int height = 0;  // pixels
  int unit = 0;    // width of a usual trace in sub-pixels
  std::uint64_t seed = 0;
  bool whole = false;  // keep clear of the edges and drill mounting holes into the corners
};

// Places and routes a board on a grid of 2.4 trace widths, so that conductors of different nets
// keep at least half a trace width between them. Pure; the cost grows with the number of grid
// nodes, not of pixels, plus the drawing.
[[nodiscard]] BoardLayers lay_out_board(const LayoutOptions& options);

}  // namespace shoal
