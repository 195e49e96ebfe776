// Points in polygons and paths over lines against other methods in exact integers.
#include "track/geometry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace shoal {
namespace {

// On a grid of powers of two, so that doubles are exact and the reference may use integers.
constexpr int kGrid = 64;
struct Node {
  std::int64_t x = 0;
  std::int64_t y = 0;
};
ScenePoint share(Node node) {
  return {static_cast<double>(node.x) / kGrid, static_cast<double>(node.y) / kGrid};
}
Node any_node(std::mt19937& random, int limit = kGrid) {
  return {static_cast<std::int64_t>(random() % static_cast<unsigned>(limit + 1)),
          static_cast<std::int64_t>(random() % static_cast<unsigned>(limit + 1))};
}
std::int64_t turn_of(Node a, Node b, Node c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}
bool on_segment(Node a, Node b, Node p) {
  return turn_of(a, b, p) == 0 && std::min(a.x, b.x) <= p.x && p.x <= std::max(a.x, b.x) &&
         std::min(a.y, b.y) <= p.y && p.y <= std::max(a.y, b.y);
}

// Counts crossings with a segment to a far point in a direction that no grid line through the
// point has, so that it meets no corner: all crossings are proper.
bool contains_by_far_point(const std::vector<Node>& polygon, Node p) {
  const Node far{p.x + 1'000'003, p.y + 7};
  int crossings = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Node a = polygon[i];
    const Node b = polygon[(i + 1) % polygon.size()];
    if (on_segment(a, b, p)) return true;
    const bool sides = (turn_of(p, far, a) > 0) != (turn_of(p, far, b) > 0);
    const bool ends = (turn_of(a, b, p) > 0) != (turn_of(a, b, far) > 0);
    crossings += sides && ends ? 1 : 0;
  }
  return crossings % 2 == 1;
}

TEST(ContainsTest, AgreesWithCrossingsTowardsAFarPoint) {
  std::mt19937 random(20260310);
  int inside = 0;
  for (int i = 0; i < 20000; ++i) {
    // Small grids make points on edges and corners, and polygons that cross or touch themselves.
    const int limit = i % 2 == 0 ? 6 : kGrid;
    std::vector<Node> polygon(3 + random() % 8);
    std::vector<ScenePoint> shares;
    for (Node& node : polygon) {
      node = any_node(random, limit);
      shares.push_back(share(node));
    }
    const Node point = any_node(random, limit);
    const bool expected = contains_by_far_point(polygon, point);
    ASSERT_EQ(contains(shares, share(point)), expected) << i;
    inside += expected ? 1 : 0;
  }
  EXPECT_GT(inside, 4000);
  EXPECT_LT(inside, 16000);
}

TEST(ContainsTest, DoesNotDependOnTheFirstCornerOrTheDirection) {
  std::mt19937 random(4);
  for (int i = 0; i < 3000; ++i) {
    std::vector<ScenePoint> polygon;
    for (unsigned j = 0; j < 3 + random() % 6; ++j) polygon.push_back(share(any_node(random, 8)));
    const ScenePoint point = share(any_node(random, 8));
    const bool expected = contains(polygon, point);
    std::rotate(polygon.begin(), polygon.begin() + 1, polygon.end());
    EXPECT_EQ(contains(polygon, point), expected);
    std::reverse(polygon.begin(), polygon.end());
    EXPECT_EQ(contains(polygon, point), expected);
  }
}

TEST(ContainsTest, ThePicturesEdgesBelongToAZoneThatReachesThem) {
  const std::vector<ScenePoint> all{{0, 0}, {1, 0}, {1, 1}, {0, 1}};
  for (const double share : {0.0, 0.1, 0.5, 1.0}) {
    EXPECT_TRUE(contains(all, {share, 1.0}));
    EXPECT_TRUE(contains(all, {share, 0.0}));
    EXPECT_TRUE(contains(all, {0.0, share}));
    EXPECT_TRUE(contains(all, {1.0, share}));
  }
  const Size picture{1000, 500};
  EXPECT_TRUE(contains(all, anchor_of({900, 400, 1000, 500}, picture)));
}

TEST(ContainsTest, CountsOverlapsOfASelfCrossingPolygonAsOutside) {
  const std::vector<ScenePoint> star{{0.5, 0}, {0.8, 1}, {0, 0.4}, {1, 0.4}, {0.2, 1}};
  EXPECT_FALSE(contains(star, {0.5, 0.55}));  // the middle, surrounded twice
  EXPECT_TRUE(contains(star, {0.5, 0.2}));
}

TEST(DistanceTest, IsTheLeastOfManyPointsOnTheEdges) {
  std::mt19937 random(6);
  const Size picture{640, 360};
  for (int i = 0; i < 200; ++i) {
    std::vector<ScenePoint> polygon;
    for (int j = 0; j < 5; ++j) polygon.push_back(share(any_node(random)));
    const ScenePoint point = share(any_node(random));
    double least = 1e9;
    for (std::size_t j = 0; j < 5; ++j) {
      const ScenePoint a = polygon[j];
      const ScenePoint b = polygon[(j + 1) % 5];
      for (int k = 0; k <= 2000; ++k) {
        const double t = k / 2000.0;
        least = std::min(least, std::hypot((a.x + t * (b.x - a.x) - point.x) * picture.width,
                                           (a.y + t * (b.y - a.y) - point.y) * picture.height));
      }
    }
    const double distance = distance_to_edges(polygon, point, picture);
    EXPECT_LE(distance, least + 1e-9);
    EXPECT_GE(distance, least - 0.5);
  }
}

TEST(PassesBetweenTest, AgreesWithExactIntersection) {
  std::mt19937 random(8);
  int passes = 0;
  int tried = 0;
  while (tried < 20000) {
    const int limit = tried % 2 == 0 ? 5 : kGrid;
    const Node from = any_node(random, limit);
    const Node to = any_node(random, limit);
    const Node before = any_node(random, limit);
    const Node after = any_node(random, limit);
    const std::int64_t a = turn_of(from, to, before);
    const std::int64_t b = turn_of(from, to, after);
    if (b == 0 || (a != 0 && (a > 0) == (b > 0))) continue;  // not REQUIRED
    ++tried;
    // Where the endless line is met, as a share of from -> to times a common denominator.
    const std::int64_t bottom = b - a;  // != 0
    const std::int64_t dx = to.x - from.x;
    const std::int64_t dy = to.y - from.y;
    const std::int64_t along =
        (before.x - from.x) * dx * bottom + (before.y - from.y) * dy * bottom -
        a * ((after.x - before.x) * dx + (after.y - before.y) * dy);
    const std::int64_t length = (dx * dx + dy * dy) * bottom;
    const bool expected = bottom > 0 ? along >= 0 && along <= length
                                     : along <= 0 && along >= length;
    ASSERT_EQ(passes_between(share(from), share(to), share(before), share(after)), expected);
    passes += expected ? 1 : 0;
  }
  EXPECT_GT(passes, 4000);
  EXPECT_LT(passes, 16000);
}

TEST(TurnTest, IsPositiveToTheRightOnAScreen) {
  EXPECT_GT(turn({0, 0.5}, {1, 0.5}, {0.5, 0.9}), 0);  // walking right, below is right
  EXPECT_LT(turn({0, 0.5}, {1, 0.5}, {0.5, 0.1}), 0);
  EXPECT_DOUBLE_EQ(distance_to_line({0, 0.5}, {1, 0.5}, {0.3, 0.6}, {200, 100}), 10.0);
}

}  // namespace
}  // namespace shoal
