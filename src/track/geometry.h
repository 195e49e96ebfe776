// Points, polygons and lines in shares of the picture. Pure arithmetic.
#pragma once

#include <span>

#include "shoal/geometry.h"
#include "track/scene.h"

namespace shoal {

// Twice the signed area of a, b, c: positive where c lies to the right of a -> b as seen on a
// screen (y points down), 0 where the three are on one line.
[[nodiscard]] double turn(ScenePoint a, ScenePoint b, ScenePoint c);

// By the even-odd rule, so a polygon may cross itself. Its edges and corners belong to it: the
// anchor of an object that the picture's lower edge cuts off lies exactly on that edge.
[[nodiscard]] bool contains(std::span<const ScenePoint> polygon, ScenePoint point);

// Pixels from the point to the nearest edge of the polygon, from either side of it.
[[nodiscard]] double distance_to_edges(std::span<const ScenePoint> polygon, ScenePoint point,
                                       Size picture);

// Pixels from the point to the endless line through from and to; negative where turn() is.
[[nodiscard]] double distance_to_line(ScenePoint from, ScenePoint to, ScenePoint point,
                                      Size picture);

// Whether the way from `before` to `after`, which are not on the same side of the endless line
// through from and to, passes between from and to; touching one of them counts.
[[nodiscard]] bool passes_between(ScenePoint from, ScenePoint to, ScenePoint before,
                                  ScenePoint after);

// The middle of the lower edge.
[[nodiscard]] ScenePoint anchor_of(const Box<SourceSpace>& box, Size picture);

}  // namespace shoal
