// Draws a camera's result: its tracks, or where it has none its detections, on pixels that may be
// reduced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/camera_result.h"
#include "shoal/geometry.h"

namespace shoal {

// Pixels to draw on, RGB8, u8 [height, width, 3].
struct PaintedPixels {
  std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t pitch_bytes = 0;
};

// Threads  one at a time. Keeps fonts and buffers.
class ResultPainter {
 public:
  ResultPainter();
  ~ResultPainter();
  ResultPainter(const ResultPainter&) = delete;
  ResultPainter& operator=(const ResultPainter&) = delete;

  // Cost     about 0.1 ms a label.
  void draw(const PaintedPixels& pixels, const CameraResult& result);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
