// Draws detections onto pixels: boxes, and labels in any script.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shoal/detection.h"
#include "shoal/frame.h"

namespace shoal {

// Pixels to draw on, u8 [height, width, 3]; somebody else owns them.
struct Canvas {
  std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t pitch_bytes = 0;
  PixelFormat format = PixelFormat::kRgb8;
};

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  friend bool operator==(const Colour&, const Colour&) = default;
};

// A class has the same colour in every picture of every run. Seven hues that colour-blind people
// tell apart (Okabe and Ito, "Color Universal Design", 2008), then lighter and darker ones.
[[nodiscard]] Colour class_colour(int class_id);

// Black or white, whichever has the higher contrast on it by WCAG 2's relative luminance.
[[nodiscard]] Colour text_colour(Colour background);

// Pixels, by the size of the picture: 1 and 8 at 64x64, 4 and 26 at 1080p, 21 and 119 at
// 8000x6000.
[[nodiscard]] int line_width(Size picture);
[[nodiscard]] int font_size(Size picture);

// Draws one picture at a time; keeps fonts and buffers between them. Not copied, not shared.
class Annotator {
 public:
  explicit Annotator(std::vector<std::string> class_names);
  ~Annotator();
  Annotator(Annotator&&) noexcept;
  Annotator& operator=(Annotator&&) noexcept;

  // Boxes are in pixels of `source` and are scaled to the canvas where that is smaller. A label
  // ("person 0.91", "#3 person 0.91") lies at its box and inside the picture, where it covers
  // other labels least. One of which more confident ones would still hide more than a quarter is
  // left out, as it could not be read; its box stays. Large boxes are drawn first.
  //
  // Cost     touches only the lines and labels: about 0.1 ms a label.
  void draw(const Canvas& canvas, Size source, const Detections& detections);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
