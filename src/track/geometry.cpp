// The formulas.
#include "track/geometry.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace shoal {
namespace {

bool between(double a, double b, double value) {
  return std::min(a, b) <= value && value <= std::max(a, b);
}

double distance_to_segment(ScenePoint a, ScenePoint b, ScenePoint point, Size picture) {
  const double dx = (b.x - a.x) * picture.width;
  const double dy = (b.y - a.y) * picture.height;
  const double px = (point.x - a.x) * picture.width;
  const double py = (point.y - a.y) * picture.height;
  const double length = dx * dx + dy * dy;
  const double along = length > 0 ? std::clamp((px * dx + py * dy) / length, 0.0, 1.0) : 0.0;
  return std::hypot(px - along * dx, py - along * dy);
}

}  // namespace

double turn(ScenePoint a, ScenePoint b, ScenePoint c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

bool contains(std::span<const ScenePoint> polygon, ScenePoint point) {
  bool inside = false;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const ScenePoint a = polygon[i];
    const ScenePoint b = polygon[i + 1 == polygon.size() ? 0 : i + 1];
    const double side = turn(a, b, point);
    if (side == 0 && between(a.x, b.x, point.x) && between(a.y, b.y, point.y)) return true;
    // A ray to the right meets the edge: half-open, so that a corner is met once.
    if ((a.y > point.y) == (b.y > point.y)) continue;
    if ((side > 0) == (b.y > a.y)) inside = !inside;
  }
  return inside;
}

double distance_to_edges(std::span<const ScenePoint> polygon, ScenePoint point, Size picture) {
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const ScenePoint b = polygon[i + 1 == polygon.size() ? 0 : i + 1];
    nearest = std::min(nearest, distance_to_segment(polygon[i], b, point, picture));
  }
  return nearest;
}

double distance_to_line(ScenePoint from, ScenePoint to, ScenePoint point, Size picture) {
  const double area = turn(from, to, point) * picture.width * picture.height;
  return area / std::hypot((to.x - from.x) * picture.width, (to.y - from.y) * picture.height);
}

bool passes_between(ScenePoint from, ScenePoint to, ScenePoint before, ScenePoint after) {
  const double a = turn(before, after, from);
  const double b = turn(before, after, to);
  return (a <= 0 && b >= 0) || (a >= 0 && b <= 0);
}

ScenePoint anchor_of(const Box<SourceSpace>& box, Size picture) {
  return {(static_cast<double>(box.x1) + box.x2) / 2 / std::max(1, picture.width),
          static_cast<double>(box.y2) / std::max(1, picture.height)};
}

}  // namespace shoal
