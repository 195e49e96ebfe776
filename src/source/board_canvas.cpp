// Shapes by signed distance: a pixel's coverage is its distance to the outline, clamped to one
// pixel. Overlaps are joined by maximum, which leaves no seams where shapes overlap by a pixel.
#include "source/board_canvas.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace shoal {
namespace {

// round(4096 * sin(k * pi / 32)), k = 0..16: a quarter of the circle.
constexpr std::array<int, 17> kQuarterSine = {0,    401,  799,  1189, 1567, 1931, 2276, 2598, 2896,
                                              3166, 3406, 3612, 3784, 3920, 4017, 4076, 4096};

int sine64(int index) {
  const int k = index & 63;
  if (k <= 16) return kQuarterSine[static_cast<std::size_t>(k)];
  if (k <= 32) return kQuarterSine[static_cast<std::size_t>(32 - k)];
  if (k <= 48) return -kQuarterSine[static_cast<std::size_t>(k - 32)];
  return -kQuarterSine[static_cast<std::size_t>(64 - k)];
}

// Applies `inside(x, y)` (signed distance in sub-pixels, positive inside) to the pixels whose
// centres may lie within [low, high].
template <typename Distance>
void paint(Plane& plane, Point low, Point high, Ink ink, const Distance& inside) {
  const int x0 = std::max(0, (low.x >> 4) - 1);
  const int y0 = std::max(0, (low.y >> 4) - 1);
  const int x1 = std::min(plane.width, (high.x >> 4) + 2);
  const int y1 = std::min(plane.height, (high.y >> 4) + 2);
  for (int y = y0; y < y1; ++y) {
    std::uint8_t* row = plane.data.data() +
                        static_cast<std::size_t>(y) * static_cast<std::size_t>(plane.width);
    for (int x = x0; x < x1; ++x) {
      const int distance = inside(x * kSub + 8, y * kSub + 8);
      if (distance <= -8) continue;
      const int cover = std::min(255, 128 + distance * 16);
      const int old = row[x];
      row[x] = static_cast<std::uint8_t>(ink == Ink::kAdd ? std::max(old, cover)
                                                          : std::min(old, 255 - cover));
    }
  }
}

// Strokes on a grid 4 wide and 6 high: pairs of digits are points, a space lifts the pen.
std::string_view glyph(char letter) {
  switch (letter) {
    case '0': return "103041453616050110";
    case '1': return "112026 1636";
    case '2': return "01103041420646";
    case '3': return "01103041423313 334445361605";
    case '4': return "36300444";
    case '5': return "400003334445361605";
    case '6': return "4130100105163645443303";
    case '7': return "004016";
    case '8': return "103041423313020110 33444536160504 0413";
    case '9': return "423313020110304145361605";
    case 'A': return "062046 1434";
    case 'B': return "000636454433 033342413000";
    case 'C': return "4130100105163645";
    case 'D': return "00063645413000";
    case 'E': return "40000646 0333";
    case 'F': return "400006 0333";
    case 'H': return "0006 4046 0343";
    case 'J': return "4045361605";
    case 'L': return "000646";
    case 'O': return "103041453616050110";
    case 'P': return "06003041423303";
    case 'Q': return "103041453616050110 3446";
    case 'R': return "06003041423303 2346";
    case 'S': return "413010010213334445361605";
    case 'T': return "0040 2026";
    case 'U': return "000516364540";
    case 'V': return "002640";
    case '-': return "1333";
    case '.': return "2526";
    default: return "";
  }
}

}  // namespace

int integer_root(std::int64_t value) {
  if (value <= 0) return 0;
  std::int64_t root = 0;
  std::int64_t bit = std::int64_t{1} << 44;  // values here stay below 2^46
  while (bit > value) bit >>= 2;
  for (; bit != 0; bit >>= 2) {
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return static_cast<int>(root);
}

Point direction(int index, int length) {
  return {sine64(index + 16) * length / 4096, sine64(index) * length / 4096};
}

void draw_capsule(Plane& plane, const Capsule& capsule, Ink ink) {
  const Point a = capsule.a;
  const Point along = capsule.b - capsule.a;
  const int radius = capsule.radius;
  const std::int64_t square =
      static_cast<std::int64_t>(along.x) * along.x + static_cast<std::int64_t>(along.y) * along.y;
  const int length = std::max(1, integer_root(square));
  const std::int64_t outer = static_cast<std::int64_t>(radius + 9) * (radius + 9);
  const auto inside = [&](int x, int y) -> int {
    const std::int64_t dx = x - a.x;
    const std::int64_t dy = y - a.y;
    const std::int64_t dot = dx * along.x + dy * along.y;
    if (dot > 0 && dot < square) {
      const std::int64_t cross = std::abs(dx * along.y - dy * along.x);
      if (cross > static_cast<std::int64_t>(radius + 9) * length) return -8;
      return radius - static_cast<int>(cross / length);
    }
    const std::int64_t ex = dot <= 0 ? dx : x - capsule.b.x;
    const std::int64_t ey = dot <= 0 ? dy : y - capsule.b.y;
    const std::int64_t far = ex * ex + ey * ey;
    if (far > outer) return -8;
    return radius - integer_root(far);
  };
  paint(plane,
        {std::min(a.x, capsule.b.x) - radius - 8, std::min(a.y, capsule.b.y) - radius - 8},
        {std::max(a.x, capsule.b.x) + radius + 8, std::max(a.y, capsule.b.y) + radius + 8}, ink,
        inside);
}

void draw_panel(Plane& plane, const Panel& panel, Ink ink) {
  const int corner = std::min({panel.corner, panel.half_width, panel.half_height});
  const auto inside = [&](int x, int y) -> int {
    const int dx = std::abs(x - panel.centre.x);
    const int dy = std::abs(y - panel.centre.y);
    const int flat = std::min(panel.half_width - dx, panel.half_height - dy);
    if (panel.chamfer) {
      // 181 / 256 is 1 / sqrt(2): distance to the 45-degree cut.
      const int cut = (panel.half_width + panel.half_height - corner - dx - dy) * 181 / 256;
      return std::min(flat, cut);
    }
    const int ex = dx - (panel.half_width - corner);
    const int ey = dy - (panel.half_height - corner);
    if (ex <= 0 || ey <= 0) return flat;
    return corner - integer_root(static_cast<std::int64_t>(ex) * ex +
                                 static_cast<std::int64_t>(ey) * ey);
  };
  const Point reach = {panel.half_width + 8, panel.half_height + 8};
  paint(plane, panel.centre - reach, panel.centre + reach, ink, inside);
}

int draw_text(Plane& plane, Point at, int height, const char* text, bool upright, Ink ink) {
  const int step = height / 6;
  const int radius = std::max(kSub / 2, height / 14);
  int pen = 0;
  for (const char* letter = text; *letter != '\0'; ++letter) {
    const std::string_view strokes = glyph(*letter);
    bool down = false;
    Point last;
    for (std::size_t i = 0; i + 1 < strokes.size();) {
      if (strokes[i] == ' ') {
        down = false;
        ++i;
        continue;
      }
      const int x = pen + (strokes[i] - '0') * step;
      const int y = (strokes[i + 1] - '0') * step;
      const Point here = at + (upright ? Point{x, y} : Point{y, -x});
      if (down) draw_capsule(plane, {.a = last, .b = here, .radius = radius}, ink);
      last = here;
      down = true;
      i += 2;
    }
    pen += 6 * step;
  }
  return pen;
}

}  // namespace shoal
