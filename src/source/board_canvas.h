// Anti-aliased shapes in integer arithmetic: a plane of coverage (0..255) and the few shapes that
// a circuit board is made of. Lengths and positions are in sixteenths of a pixel ("sub-pixels");
// pixel (x, y) has its centre at (16 x + 8, 16 y + 8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace shoal {

inline constexpr int kSub = 16;  // sub-pixels a pixel

struct Point {
  int x = 0;
  int y = 0;
  friend constexpr bool operator==(const Point&, const Point&) = default;
  friend constexpr Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
  friend constexpr Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
};

// Largest r with r * r <= value.
[[nodiscard]] int integer_root(std::int64_t value);

// Unit vector number `index` of 64 around the circle, times `length` (rounded towards zero).
[[nodiscard]] Point direction(int index, int length);

// [height][width] coverage, 0 = none, 255 = all.
struct Plane {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> data;

  Plane(int width_px, int height_px)
      : width(width_px),
        height(height_px),
        data(static_cast<std::size_t>(width_px) * static_cast<std::size_t>(height_px), 0) {}

  // Coverage at a pixel; outside the plane the nearest pixel counts.
  [[nodiscard]] int at(int x, int y) const {
    x = x < 0 ? 0 : (x >= width ? width - 1 : x);
    y = y < 0 ? 0 : (y >= height ? height - 1 : y);
    return data[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                static_cast<std::size_t>(x)];
  }
  // Is the sub-pixel position covered by more than half? Outside: as the nearest pixel is.
  [[nodiscard]] bool covered(Point p) const { return at(p.x >> 4, p.y >> 4) >= 128; }
  // Is the sub-pixel position inside the plane?
  [[nodiscard]] bool holds(Point p) const {
    return p.x >= 0 && p.y >= 0 && p.x < width * kSub && p.y < height * kSub;
  }
};

enum class Ink : std::uint8_t {
  kAdd,  // coverage becomes the larger of old and shape
  kCut,  // coverage becomes at most what the shape leaves
};

struct Capsule {
  Point a;
  Point b;
  int radius = 0;
};

struct Panel {
  Point centre;
  int half_width = 0;
  int half_height = 0;
  int corner = 0;        // radius of the corners, or what a chamfer takes of each side
  bool chamfer = false;  // cut corners at 45 degrees instead of rounding them
};

// A thick line with round ends; a disc where both ends are one point.
void draw_capsule(Plane& plane, const Capsule& capsule, Ink ink);

// An upright rectangle with rounded or chamfered corners.
void draw_panel(Plane& plane, const Panel& panel, Ink ink);

// One line of text in a stroke font (capitals, digits, '-', '.'; others are blank), whose top left
// corner is at `at` and whose capitals are `height` high. Turned by 90 degrees where `upright` is
// false. Returns its length along the line.
int draw_text(Plane& plane, Point at, int height, const char* text, bool upright, Ink ink);

}  // namespace shoal
