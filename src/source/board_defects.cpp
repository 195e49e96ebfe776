// Places are found by trial: a random point, a few probes of the copper around it, and a shape that
// fits. What is recorded is not the shape that was meant but the pixels that changed.
#include "source/board_defects.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "source/board_random.h"

namespace shoal {
namespace {

constexpr int kTries = 400;
// A pixel counts as changed where its coverage moved by more than this of 255: less is not visible.
constexpr int kVisible = 48;

// A point on the outline of the copper and the direction (of 64) that leaves the copper.
struct Edge {
  Point at;
  int out = 0;
};

// Coverage before the change, to compare and to undo with.
struct Patch {
  PixelBox area;
  std::vector<std::uint8_t> before;
};

class Planter {
 public:
  Planter(BoardLayers& layers, const PlantOptions& options)
      : copper_(layers.copper), layers_(layers), unit_(options.unit), edge_px_(options.edge_px),
        random_(options.seed) {}

  std::vector<BoardDefect> plant(int count) {
    const int first = random_.below(6);
    for (int i = 0; i < count; ++i) {
      const auto kind = static_cast<DefectKind>((first + i) % 6);
      for (int attempt = 0; attempt < kTries; ++attempt) {
        if (try_at(kind, random_point())) break;
      }
    }
    clear_print();
    return std::move(defects_);
  }

 private:
  Point random_point() {
    return {random_.below(copper_.width * kSub), random_.below(copper_.height * kSub)};
  }
  int units(int hundredths) const { return unit_ * hundredths / 100; }
  int units_between(int low, int high) { return units(random_.between(low, high)); }

  bool try_at(DefectKind kind, Point p) {
    switch (kind) {
      case DefectKind::kOpen: return open(p);
      case DefectKind::kShort: return bridge(p);
      case DefectKind::kMousebite: return bite(p);
      case DefectKind::kSpur: return spur(p);
      case DefectKind::kCopper: return spot(p);
      case DefectKind::kPinHole: return pin_hole(p);
    }
    return false;
  }

  // Distance from `from` in a direction until the copper begins or ends; `limit` where it does
  // not, or where the picture ends before.
  int run_length(Point from, int heading, int limit, bool copper) const {
    const int pace = kSub / 2;
    for (int length = 0; length < limit; length += pace) {
      const Point p = from + direction(heading, length);
      if (!copper_.holds(p)) return limit;
      if (copper_.covered(p) != copper) return length;
    }
    return limit;
  }

  // Is there a drilled hole within `radius`? Defects keep away from them: a hole hides copper.
  bool is_drilled(Point p, int radius) const {
    for (int k = 0; k < 64; k += 8) {
      for (int part = 0; part <= 2; ++part) {
        const Point q = p + direction(k, radius * part / 2);
        if (layers_.hole.covered(q)) return true;
      }
    }
    return false;
  }

  // The outline nearest in a random direction, and its normal: the mean direction of what is not
  // copper within half a trace width.
  std::optional<Edge> find_edge(Point p) {
    const int heading = random_.below(64);
    const bool inside = copper_.covered(p);
    const int limit = units(500);
    const int length = run_length(p, heading, limit, inside);
    if (length >= limit || length == 0) return std::nullopt;
    const Point at = p + direction(heading, length);
    if (is_drilled(at, units(90))) return std::nullopt;
    std::int64_t x = 0;
    std::int64_t y = 0;
    for (int k = 0; k < 64; k += 2) {
      for (const int reach : {units(25), units(50)}) {
        const Point d = direction(k, reach);
        const int sign = copper_.covered(at + d) ? -1 : 1;
        x += sign * d.x;
        y += sign * d.y;
      }
    }
    int best = 0;
    std::int64_t most = -1;
    for (int k = 0; k < 64; ++k) {
      const Point d = direction(k, 1024);
      const std::int64_t along = x * d.x + y * d.y;
      if (along > most) {
        most = along;
        best = k;
      }
    }
    return Edge{at, best};
  }

  // Is the outline straight for `reach` to both sides: copper inside of it, none outside?
  bool is_straight(const Edge& edge, int reach, int depth) const {
    for (const int side : {16, 48}) {
      const Point beside = edge.at + direction(edge.out + side, reach);
      if (!copper_.covered(beside + direction(edge.out + 32, depth))) return false;
      if (copper_.covered(beside + direction(edge.out, depth))) return false;
    }
    return true;
  }

  // Is all within `radius` of `p` copper (or free of it)?
  bool is_uniform(Point p, int radius, bool copper) const {
    if (!copper_.holds(p) || copper_.covered(p) != copper) return false;
    for (int k = 0; k < 64; k += 4) {
      for (int part = 1; part <= 4; ++part) {
        const Point q = p + direction(k, radius * part / 4);
        if (!copper_.holds(q) || copper_.covered(q) != copper) return false;
      }
    }
    return true;
  }

  void stroke(Point a, Point b, int radius, Ink ink) {
    draw_capsule(copper_, {.a = a, .b = b, .radius = radius}, ink);
  }

  Patch save(Point p, int reach) const {
    Patch patch;
    patch.area = {.x0 = std::max(0, (p.x - reach) / kSub - 2),
                  .y0 = std::max(0, (p.y - reach) / kSub - 2),
                  .x1 = std::min(copper_.width, (p.x + reach) / kSub + 3),
                  .y1 = std::min(copper_.height, (p.y + reach) / kSub + 3)};
    for (int y = patch.area.y0; y < patch.area.y1; ++y) {
      for (int x = patch.area.x0; x < patch.area.x1; ++x) {
        patch.before.push_back(static_cast<std::uint8_t>(copper_.at(x, y)));
      }
    }
    return patch;
  }
  std::size_t offset(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(copper_.width) +
           static_cast<std::size_t>(x);
  }

  // Compares with the state before. Keeps the change and records it, or undoes it where too little
  // changed or where its box meets another defect's or is cut by the picture's edge.
  bool settle(DefectKind kind, const Patch& patch) {
    PixelBox extent = {.x0 = copper_.width, .y0 = copper_.height, .x1 = 0, .y1 = 0};
    std::size_t i = 0;
    for (int y = patch.area.y0; y < patch.area.y1; ++y) {
      for (int x = patch.area.x0; x < patch.area.x1; ++x, ++i) {
        const int change = copper_.at(x, y) - patch.before[i];
        if (change <= kVisible && change >= -kVisible) {
          copper_.data[offset(x, y)] = patch.before[i];
          continue;
        }
        extent = {.x0 = std::min(extent.x0, x),
                  .y0 = std::min(extent.y0, y),
                  .x1 = std::max(extent.x1, x + 1),
                  .y1 = std::max(extent.y1, y + 1)};
      }
    }
    const int margin = std::max(1, units(75) / kSub);
    const PixelBox box = {.x0 = std::max(0, extent.x0 - margin),
                          .y0 = std::max(0, extent.y0 - margin),
                          .x1 = std::min(copper_.width, extent.x1 + margin),
                          .y1 = std::min(copper_.height, extent.y1 + margin)};
    const int least = std::max(2, units(35) / kSub);
    const bool seen = std::max(extent.width(), extent.height()) >= least &&
                      std::min(extent.width(), extent.height()) >= 1;
    const bool inner = extent.x0 > edge_px_ && extent.y0 > edge_px_ &&
                       extent.x1 < copper_.width - edge_px_ &&
                       extent.y1 < copper_.height - edge_px_;
    const bool alone = std::none_of(defects_.begin(), defects_.end(), [&](const BoardDefect& d) {
      return d.box.x0 < box.x1 && box.x0 < d.box.x1 && d.box.y0 < box.y1 && box.y0 < d.box.y1;
    });
    if (seen && inner && alone) {
      defects_.push_back({kind, extent, box});
      return true;
    }
    i = 0;
    for (int y = patch.area.y0; y < patch.area.y1; ++y) {
      for (int x = patch.area.x0; x < patch.area.x1; ++x, ++i) {
        copper_.data[offset(x, y)] = patch.before[i];
      }
    }
    return false;
  }

  // A trace cut through, with a gap that both ends frame raggedly.
  bool open(Point p) {
    const std::optional<Edge> edge = find_edge(p);
    if (!edge) return false;
    const int in = edge->out + 32;
    const int across = run_length(edge->at + direction(in, kSub), in, units(260), true) + kSub;
    if (across < units(50) || across > units(190)) return false;
    const Edge other = {edge->at + direction(in, across), in};
    if (!is_straight(*edge, units(130), units(30)) || !is_straight(other, units(130), units(30))) {
      return false;
    }
    const Patch patch = save(edge->at, units(400));
    const int half_gap = units_between(22, 42);
    const int tilt = random_.between(-4, 4);
    const Point middle = edge->at + direction(in, across / 2);
    const int reach = across / 2 + units(15);
    const Point a = middle + direction(edge->out + tilt, reach);
    const Point b = middle + direction(in + tilt, reach);
    stroke(a, b, half_gap, Ink::kCut);
    const Point bulge = middle + direction(random_.below(64), units(20));
    stroke(bulge, bulge, half_gap + units(12), Ink::kCut);
    return settle(DefectKind::kOpen, patch);
  }

  // Copper between two conductors.
  bool bridge(Point p) {
    const std::optional<Edge> edge = find_edge(p);
    if (!edge || !is_straight(*edge, units(60), units(25))) return false;
    const int limit = units(330);
    const Point start = edge->at + direction(edge->out, kSub);
    const int gap = run_length(start, edge->out, limit, false) + kSub;
    if (gap >= limit || gap < units(45)) return false;
    // Both ends rest on something as thick as a trace, and the gap is not the inside of a corner.
    const Point far = edge->at + direction(edge->out, gap);
    if (!copper_.covered(far + direction(edge->out, units(40)))) return false;
    for (const int side : {16, 48}) {
      const Point beside = start + direction(edge->out + side, units(80));
      if (run_length(beside, edge->out, limit, false) < gap * 2 / 3) return false;
    }
    const Patch patch = save(edge->at, units(500));
    const int radius = units_between(18, 32);
    const Point from = edge->at + direction(edge->out + 32, units(30));
    const Point to = far + direction(edge->out, units(30));
    const Point middle = {(from.x + to.x) / 2, (from.y + to.y) / 2};
    const Point knee = middle + direction(edge->out + 16, random_.between(-units(25), units(25)));
    stroke(from, knee, radius, Ink::kAdd);
    stroke(knee, to, radius, Ink::kAdd);
    return settle(DefectKind::kShort, patch);
  }

  // A notch in the outline that leaves part of the conductor.
  bool bite(Point p) {
    const std::optional<Edge> edge = find_edge(p);
    if (!edge || !is_straight(*edge, units(70), units(25))) return false;
    const int in = edge->out + 32;
    const int thick = run_length(edge->at + direction(in, kSub), in, units(300), true) + kSub;
    if (thick < units(70)) return false;
    const int share = random_.between(48, 66);
    const int depth = std::min(thick * share / 100, units_between(60, 95));
    const int radius = std::max(kSub, units_between(24, 36));
    const Patch patch = save(edge->at, units(300));
    const int tilt = random_.between(-7, 7);
    const Point tip = edge->at + direction(in + tilt, std::max(0, depth - radius));
    stroke(edge->at + direction(edge->out, units(10)), tip, radius, Ink::kCut);
    const Point lip = edge->at + direction(edge->out + 16, random_.between(-units(30), units(30)));
    stroke(lip, lip, radius * 3 / 4, Ink::kCut);
    return settle(DefectKind::kMousebite, patch);
  }

  // A thorn on the outline that reaches no other conductor.
  bool spur(Point p) {
    const std::optional<Edge> edge = find_edge(p);
    if (!edge || !is_straight(*edge, units(70), units(25))) return false;
    const int tilt = random_.between(-8, 8);
    const int heading = edge->out + tilt;
    const int length = units_between(55, 110);
    const int radius = units_between(20, 32);
    const Point start = edge->at + direction(edge->out, kSub);
    for (const int side : {-6, 0, 6}) {
      const int room = length + radius + units(35);
      if (run_length(start, heading + side, room, false) < room) return false;
    }
    const Patch patch = save(edge->at, units(300));
    const Point tip = edge->at + direction(heading, length - radius);
    stroke(edge->at + direction(edge->out + 32, units(20)), tip, radius, Ink::kAdd);
    const Point foot = edge->at + direction(edge->out + 16, random_.between(-units(25), units(25)));
    stroke(foot, foot, radius, Ink::kAdd);
    return settle(DefectKind::kSpur, patch);
  }

  // A splash of copper that touches nothing.
  bool spot(Point p) {
    const int radius = units_between(28, 50);
    const int spread = units_between(15, 55);
    if (!is_uniform(p, radius + spread + units(45), false)) return false;
    if (is_drilled(p, radius + spread)) return false;
    const Patch patch = save(p, units(300));
    blob(p, radius, spread, Ink::kAdd);
    return settle(DefectKind::kCopper, patch);
  }

  // A small hole where the copper should be whole; irregular, smaller than a drilled one.
  bool pin_hole(Point p) {
    const int radius = units_between(20, 32);
    const int spread = units_between(8, 40);
    if (!is_uniform(p, radius + spread + units(14), true)) return false;
    const Patch patch = save(p, units(300));
    blob(p, radius, spread, Ink::kCut);
    return settle(DefectKind::kPinHole, patch);
  }

  // A few strokes from the middle: round to oblong to angular.
  void blob(Point p, int radius, int spread, Ink ink) {
    const int arms = random_.between(1, 3);
    int heading = random_.below(64);
    for (int i = 0; i < arms; ++i) {
      stroke(p, p + direction(heading, spread), radius * random_.between(70, 100) / 100, ink);
      heading += random_.between(14, 34);
    }
  }

  void clear_print() {
    for (const BoardDefect& defect : defects_) {
      for (int y = defect.box.y0; y < defect.box.y1; ++y) {
        for (int x = defect.box.x0; x < defect.box.x1; ++x) layers_.silk.data[offset(x, y)] = 0;
      }
    }
  }

  Plane& copper_;
  BoardLayers& layers_;
  int unit_;
  int edge_px_;
  BoardRandom random_;
  std::vector<BoardDefect> defects_;
};

}  // namespace

std::vector<BoardDefect> plant_defects(BoardLayers& layers, const PlantOptions& options) {
  return Planter(layers, options).plant(options.count);
}

}  // namespace shoal
