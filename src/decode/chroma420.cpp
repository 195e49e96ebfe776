// Straightforward per-pixel interpolation: stills only, about 4 ns a pixel.
#include "decode/chroma420.h"

#include <algorithm>

namespace shoal {
namespace {

// The nearest chroma sample, its neighbours across the column, the row, and both.
struct Neighbours {
  std::ptrdiff_t near = 0;
  std::ptrdiff_t column = 0;
  std::ptrdiff_t row = 0;
  std::ptrdiff_t both = 0;
};

int interpolate(const std::uint8_t* plane, const Neighbours& at) {
  const int near = plane[at.near];
  const int others = near + 3 * plane[at.column] + 3 * plane[at.row] + plane[at.both];
  return (((others + 8) >> 3) + near) >> 1;
}

std::uint8_t clip(int value) { return static_cast<std::uint8_t>(std::clamp(value >> 6, 0, 255)); }

void write_rgb(std::uint8_t* out, int y, int u, int v) {
  const int light = (y * 19077) >> 8;
  out[0] = clip(light + ((v * 26149) >> 8) - 14234);
  out[1] = clip(light - ((u * 6419) >> 8) - ((v * 13320) >> 8) + 8708);
  out[2] = clip(light + ((u * 33050) >> 8) - 17685);
}

// Even positions lean on the sample before, odd ones on the sample after; the edge repeats itself.
int neighbour(int position, int samples) {
  const int half = position / 2;
  return std::clamp(position % 2 == 0 ? half - 1 : half + 1, 0, samples - 1);
}

}  // namespace

void convert_420(Frame& frame, const Planes420& planes) {
  const int columns = (frame.size.width + 1) / 2;
  const int rows = (frame.size.height + 1) / 2;
  for (int y = 0; y < frame.size.height; ++y) {
    const int row = y / 2;
    const int other_row = neighbour(y, rows);
    const std::uint8_t* light = planes.y + y * planes.y_pitch;
    std::uint8_t* out = frame.pixels.data() + y * frame.pitch_bytes;
    for (int x = 0; x < frame.size.width; ++x, out += 3) {
      const int column = x / 2;
      const int other = neighbour(x, columns);
      const auto at = [&](std::ptrdiff_t pitch) {
        return Neighbours{.near = row * pitch + column,
                          .column = row * pitch + other,
                          .row = other_row * pitch + column,
                          .both = other_row * pitch + other};
      };
      write_rgb(out, light[x], interpolate(planes.u, at(planes.u_pitch)),
                interpolate(planes.v, at(planes.v_pitch)));
    }
  }
}

}  // namespace shoal
