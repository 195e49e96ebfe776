// Placement and drawing. Parts are placed at random where their grid nodes are free; their pads
// are then joined by the router (board_router), and what the router finds is drawn.
#include "source/board_layout.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "source/board_random.h"
#include "source/board_router.h"

namespace shoal {
namespace {

// A rectangle of grid nodes, both ends included.
struct NodeBox {
  int x0 = 0;
  int y0 = 0;
  int x1 = 0;
  int y1 = 0;
};

class Designer {
 public:
  explicit Designer(const LayoutOptions& options)
      : options_(options),
        unit_(options.unit),
        pitch_(options.unit * 12 / 5),
        random_(options.seed),
        layers_(options.width, options.height),
        router_({.columns = columns(), .rows = rows()}) {
    // The grid is centred; on sections its outermost nodes lie outside the picture.
    origin_.x = (options.width * kSub - (router_.columns() - 1) * pitch_) / 2;
    origin_.y = (options.height * kSub - (router_.rows() - 1) * pitch_) / 2;
  }

  BoardLayers design() {
    if (options_.whole) mounting_holes();
    name_board();
    const int nodes = router_.columns() * router_.rows();
    for (int i = 0; i < 1 + nodes / 260; ++i) pour();
    for (int i = 0; i < 1 + nodes / 150; ++i) chip();
    for (int i = 0; i < 1 + nodes / 420; ++i) header();
    for (int i = 0; i < 1 + nodes / 60; ++i) passive();
    for (int i = 0; i < 1 + nodes / 90; ++i) test_point();
    for (int i = 0; i < 1 + nodes / 300; ++i) bus();
    join_pads();
    for (int i = 0; i < nodes / 30; ++i) stray_net();
    fill_slivers();
    drill();
    return std::move(layers_);
  }

 private:
  int columns() const {
    const int inner = options_.width * kSub / std::max(1, pitch_);
    return std::max(2, options_.whole ? inner - 1 : inner + 3);
  }
  int rows() const {
    const int inner = options_.height * kSub / std::max(1, pitch_);
    return std::max(2, options_.whole ? inner - 1 : inner + 3);
  }
  Point position(Node n) const { return origin_ + Point{n.x * pitch_, n.y * pitch_}; }

  // A random place for a part of `width` x `height` nodes with one free node around it; fails
  // after some tries, and the part is left out.
  bool find_room(int width, int height, NodeBox* box) {
    for (int attempt = 0; attempt < 24; ++attempt) {
      const int x = random_.below(router_.columns() - width + 1);
      const int y = random_.below(router_.rows() - height + 1);
      const NodeBox found = {x, y, x + width - 1, y + height - 1};
      if (x + width > router_.columns() || y + height > router_.rows()) return false;
      if (!is_free({x - 1, y - 1, x + width, y + height}) || is_taken(found)) continue;
      *box = found;
      return true;
    }
    return false;
  }
  bool is_free(NodeBox box) const {
    for (int y = box.y0; y <= box.y1; ++y) {
      for (int x = box.x0; x <= box.x1; ++x) {
        if (router_.inside({x, y}) && router_.owner({x, y}) != 0) return false;
      }
    }
    return true;
  }

  // Parts keep off each other's bodies; traces may run below them.
  bool is_taken(NodeBox box) const {
    return std::any_of(taken_.begin(), taken_.end(), [&](const NodeBox& t) {
      return t.x0 <= box.x1 && box.x0 <= t.x1 && t.y0 <= box.y1 && box.y0 <= t.y1;
    });
  }

  void bare_panel(Panel panel) {
    draw_panel(layers_.copper, panel, Ink::kAdd);
    const int gap = unit_ / 8;
    panel.half_width += gap;
    panel.half_height += gap;
    panel.corner += gap;
    draw_panel(layers_.bare, panel, Ink::kAdd);
  }
  void disc(Plane& plane, Point centre, int radius, Ink ink = Ink::kAdd) {
    draw_capsule(plane, {.a = centre, .b = centre, .radius = radius}, ink);
  }
  void silk_line(Point a, Point b) {
    draw_capsule(layers_.silk, {.a = a, .b = b, .radius = std::max(6, unit_ / 11)}, Ink::kAdd);
  }
  // Letter and number, as parts are called.
  void label(Point at, char letter, bool upright) {
    std::array<char, 4> text = {letter, static_cast<char>('1' + random_.below(9)),
                                static_cast<char>('0' + random_.below(10)), '\0'};
    if (random_.chance(40)) text[2] = '\0';
    draw_text(layers_.silk, at, unit_ * 5 / 4, text.data(), upright, Ink::kAdd);
  }

  void add_pad(Node node) {
    router_.occupy(node, router_.new_net());
    pads_.push_back(node);
  }

  void mounting_holes() {
    const int last_x = router_.columns() - 1;
    const int last_y = router_.rows() - 1;
    if (last_x < 12 || last_y < 12) return;
    for (const NodeBox& box : {NodeBox{0, 0, 2, 2}, NodeBox{last_x - 2, 0, last_x, 2},
                               NodeBox{0, last_y - 2, 2, last_y},
                               NodeBox{last_x - 2, last_y - 2, last_x, last_y}}) {
      const int net = router_.new_net();
      for (int y = box.y0; y <= box.y1; ++y) {
        for (int x = box.x0; x <= box.x1; ++x) router_.occupy({x, y}, net);
      }
      const Point centre = position({box.x0 + 1, box.y0 + 1});
      const int radius = unit_ * 5 / 2;
      bare_panel({.centre = centre, .half_width = radius, .half_height = radius, .corner = radius});
      holes_.push_back({.a = centre, .b = centre, .radius = unit_ * 3 / 2});
    }
  }

  // A filled area with cut corners, some vias in it, and traces that leave it.
  void pour() {
    const int width = 3 + random_.below(std::min(7, router_.columns() / 2));
    const int height = 3 + random_.below(std::min(5, router_.rows() / 2));
    NodeBox box;
    if (!find_room(width, height, &box)) return;
    const int net = router_.new_net();
    const int corners = router_.new_net();  // owned by nobody: a cut corner is no place to leave
    for (int y = box.y0; y <= box.y1; ++y) {
      for (int x = box.x0; x <= box.x1; ++x) {
        const bool corner = (x == box.x0 || x == box.x1) && (y == box.y0 || y == box.y1);
        router_.occupy({x, y}, corner ? corners : net);
      }
    }
    const Point a = position({box.x0, box.y0});
    const Point b = position({box.x1, box.y1});
    const bool chamfer = random_.chance(65);
    const Panel panel = {.centre = {(a.x + b.x) / 2, (a.y + b.y) / 2},
                         .half_width = (b.x - a.x) / 2 + unit_ * 7 / 10,
                         .half_height = (b.y - a.y) / 2 + unit_ * 7 / 10,
                         .corner = chamfer ? pitch_ * random_.between(6, 12) / 10 : unit_ / 2,
                         .chamfer = chamfer};
    draw_panel(layers_.copper, panel, Ink::kAdd);
    const int vias = random_.below(1 + width * height / 5);
    for (int i = 0; i < vias; ++i) {
      const Point at = position({random_.between(box.x0 + 1, box.x1 - 1),
                                 random_.between(box.y0 + 1, box.y1 - 1)});
      holes_.push_back({.a = at, .b = at, .radius = unit_ * 6 / 10});
    }
    for (int i = 0; i < 3; ++i) {
      pads_.push_back(
          {random_.chance(50) ? box.x0 : box.x1, random_.between(box.y0 + 1, box.y1 - 1)});
    }
  }

  // Two or four rows of narrow pads around a printed outline.
  void chip() {
    const bool four_sides = random_.chance(35);
    const int pins = random_.between(four_sides ? 3 : 3, four_sides ? 6 : 8);
    const int across = four_sides ? pins + 3 : random_.between(4, 6);
    const bool upright = random_.chance(50);
    const int width = four_sides || !upright ? (four_sides ? across : pins) : across;
    const int height = four_sides || upright ? (four_sides ? across : pins) : across;
    NodeBox box;
    if (!find_room(width, height, &box)) return;
    taken_.push_back(box);
    const int narrow = unit_ * 13 / 20;
    const int wide = unit_ * 11 / 10;
    const auto pad = [&](Node node, bool vertical) {
      add_pad(node);
      bare_panel({.centre = position(node),
                  .half_width = vertical ? narrow : wide,
                  .half_height = vertical ? wide : narrow,
                  .corner = unit_ / 6});
    };
    const int first = four_sides ? 2 : 0;
    for (int i = 0; i < pins - (four_sides ? 1 : 0); ++i) {
      if (four_sides || !upright) {
        pad({box.x0 + first + i, box.y0}, true);
        pad({box.x0 + first + i, box.y1}, true);
      }
      if (four_sides || upright) {
        pad({box.x0, box.y0 + first + i}, false);
        pad({box.x1, box.y0 + first + i}, false);
      }
    }
    print_outline(box, four_sides, upright);
  }

  void print_outline(NodeBox box, bool four_sides, bool upright) {
    const int inset = unit_ * 19 / 10;
    const int out = unit_ * 4 / 5;
    Point a = position({box.x0, box.y0});
    Point b = position({box.x1, box.y1});
    a = a + Point{four_sides || upright ? inset : -out, four_sides || !upright ? inset : -out};
    b = b - Point{four_sides || upright ? inset : -out, four_sides || !upright ? inset : -out};
    silk_line(a, {b.x, a.y});
    silk_line({b.x, a.y}, b);
    silk_line(b, {a.x, b.y});
    silk_line({a.x, b.y}, a);
    disc(layers_.silk, a + Point{unit_ * 4 / 5, unit_ * 4 / 5}, unit_ / 4);
    label({(a.x + b.x) / 2 - unit_ * 3 / 2, (a.y + b.y) / 2 - unit_ / 2}, 'U', true);
  }

  // One or two rows of round pads with drilled holes, the first of them square.
  void header() {
    const int pins = random_.between(3, 6);
    const int lanes = random_.between(1, 2);
    const bool upright = random_.chance(50);
    NodeBox box;
    const int length = pins * 2 - 1;
    const int depth = lanes * 2 - 1;
    if (!find_room(upright ? depth : length, upright ? length : depth, &box)) return;
    for (int lane = 0; lane < lanes; ++lane) {
      for (int pin = 0; pin < pins; ++pin) {
        const Node node = upright ? Node{box.x0 + lane * 2, box.y0 + pin * 2}
                                  : Node{box.x0 + pin * 2, box.y0 + lane * 2};
        add_pad(node);
        const int radius = unit_ * 27 / 20;
        const bool square = lane == 0 && pin == 0;
        bare_panel({.centre = position(node),
                    .half_width = radius,
                    .half_height = radius,
                    .corner = square ? unit_ / 8 : radius});
        holes_.push_back({.a = position(node), .b = position(node), .radius = unit_ * 13 / 20});
      }
    }
    const Point out = {unit_ * 9 / 5, unit_ * 9 / 5};
    const Point a = position({box.x0, box.y0}) - out;
    const Point b = position({box.x1, box.y1}) + out;
    silk_line(a, {b.x, a.y});
    silk_line({b.x, a.y}, b);
    silk_line(b, {a.x, b.y});
    silk_line({a.x, b.y}, a);
  }

  // Two pads with a name beside them: a resistor or a capacitor.
  void passive() {
    const bool upright = random_.chance(50);
    NodeBox box;
    if (!find_room(upright ? 1 : 3, upright ? 3 : 1, &box)) return;
    const int half = unit_ * random_.between(16, 20) / 20;
    for (const Node node : {Node{box.x0, box.y0}, Node{box.x1, box.y1}}) {
      add_pad(node);
      bare_panel({.centre = position(node),
                  .half_width = half,
                  .half_height = half,
                  .corner = random_.chance(30) ? half / 2 : unit_ / 6});
    }
    const Point middle = position({box.x0 + (upright ? 0 : 1), box.y0 + (upright ? 1 : 0)});
    const char letter = random_.chance(50) ? 'R' : 'C';
    if (upright) {
      label(middle + Point{unit_ * 6 / 5, unit_ * 3 / 2}, letter, false);
    } else {
      label(middle + Point{-unit_ * 3 / 2, unit_ * 6 / 5}, letter, true);
    }
  }

  void test_point() {
    NodeBox box;
    if (!find_room(1, 1, &box)) return;
    add_pad({box.x0, box.y0});
    const int radius = unit_ * random_.between(18, 26) / 20;
    bare_panel({.centre = position({box.x0, box.y0}),
                .half_width = radius,
                .half_height = radius,
                .corner = radius});
  }

  // A bundle of parallel traces from edge to edge, as far as the router finds a way.
  void bus() {
    const bool level = random_.chance(50);
    const int lanes = random_.between(3, 7);
    const int side = level ? router_.rows() : router_.columns();
    const int far = (level ? router_.columns() : router_.rows()) - 1;
    if (side < lanes + 4) return;
    const int from = random_.between(1, side - lanes - 1);
    const int to = std::clamp(from + random_.between(-6, 6), 1, side - lanes - 1);
    for (int i = 0; i < lanes; ++i) {
      const Node a = level ? Node{0, from + i} : Node{from + i, 0};
      const Node b = level ? Node{far, to + i} : Node{to + i, far};
      if (router_.owner(a) != 0 || router_.owner(b) != 0) continue;
      const int net = router_.new_net();
      if (!draw_route(a, b, net, unit_ / 2)) continue;
      if (options_.whole) {
        via(a, net);
        via(b, net);
      }
    }
  }

  void via(Node node, int net) {
    router_.occupy(node, net);
    disc(layers_.copper, position(node), unit_ * 11 / 10);
    holes_.push_back({.a = position(node), .b = position(node), .radius = unit_ * 11 / 20});
  }

  // Routes and draws; false where there is no way.
  bool draw_route(Node from, Node to, int net, int radius) {
    const std::vector<Node> path = router_.connect(from, to, net);
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      draw_capsule(layers_.copper,
                   {.a = position(path[i]), .b = position(path[i + 1]), .radius = radius},
                   Ink::kAdd);
    }
    return path.size() > 1;
  }

  // Every pad looks for a partner nearby, else for a free node where its trace ends in a via.
  void join_pads() {
    joined_.assign(pads_.size(), 0);
    for (std::size_t i = 0; i < pads_.size(); ++i) {
      const Node from = pads_[i];
      if (joined_[i] != 0 && random_.chance(75)) continue;
      const int radius = random_.chance(20) ? unit_ * 13 / 20 : unit_ / 2;
      bool done = false;
      for (int attempt = 0; attempt < 12 && !done && random_.chance(95); ++attempt) {
        const auto partner =
            static_cast<std::size_t>(random_.below(static_cast<int>(pads_.size())));
        const Node to = pads_[partner];
        if (joined_[partner] != 0 && random_.chance(75)) continue;
        const int from_net = router_.owner(from);
        const int to_net = router_.owner(to);
        if (to_net == from_net || !near(from, to)) continue;
        router_.merge(to_net, from_net);
        done = draw_route(from, to, from_net, radius);
        if (done) joined_[partner] = 1;
      }
      for (int attempt = 0; attempt < 4 && !done; ++attempt) {
        const Node to = {from.x + random_.between(-7, 7), from.y + random_.between(-7, 7)};
        if (!router_.inside(to) || !is_free({to.x - 1, to.y - 1, to.x + 1, to.y + 1})) continue;
        done = draw_route(from, to, router_.owner(from), radius);
        if (done) via(to, router_.owner(from));
      }
    }
  }
  static bool near(Node a, Node b) {
    return std::max(std::abs(a.x - b.x), std::abs(a.y - b.y)) <= 14;
  }

  // A trace between two vias in what room is left.
  void stray_net() {
    NodeBox a;
    NodeBox b;
    if (!find_room(1, 1, &a) || !find_room(1, 1, &b)) return;
    const Node from = {a.x0, a.y0};
    const Node to = {b.x0, b.y0};
    if (std::abs(from.x - to.x) + std::abs(from.y - to.y) < 4 || !near(from, to)) return;
    const int net = router_.new_net();
    if (!draw_route(from, to, net, unit_ / 2)) return;
    via(from, net);
    via(to, net);
  }

  void name_board() {
    NodeBox box;
    if (!find_room(5, 1, &box)) return;
    taken_.push_back(box);
    std::array<char, 9> text = {'S', 'H', 'O', 'A', 'L', '-', '0', '0', '\0'};
    text[6] = static_cast<char>('1' + random_.below(9));
    text[7] = static_cast<char>('0' + random_.below(10));
    draw_text(layers_.silk, position({box.x0, box.y0}) - Point{0, unit_}, unit_ * 3 / 2,
              text.data(), true, Ink::kAdd);
  }

  // Fills gaps that traces enclose and that are smaller than a trace is wide: on a real board they
  // would be etched badly, in a picture they look like defects.
  void fill_slivers() {
    Plane& copper = layers_.copper;
    const std::size_t most = static_cast<std::size_t>(unit_ / kSub * unit_ / kSub * 3 / 2);
    std::vector<std::uint8_t> seen(copper.data.size(), 0);
    std::vector<std::size_t> region;
    const auto width = static_cast<std::size_t>(copper.width);
    const auto visit = [&](std::size_t i) {
      if (seen[i] != 0 || copper.data[i] >= 128) return;
      seen[i] = 1;
      region.push_back(i);
    };
    for (std::size_t start = 0; start < seen.size(); ++start) {
      region.clear();
      visit(start);
      bool edge = false;
      for (std::size_t next = 0; next < region.size(); ++next) {
        const std::size_t i = region[next];
        const std::size_t x = i % width;
        edge = edge || x == 0 || x + 1 == width || i < width || i + width >= seen.size();
        if (x > 0) visit(i - 1);
        if (x + 1 < width) visit(i + 1);
        if (i >= width) visit(i - width);
        if (i + width < seen.size()) visit(i + width);
      }
      if (edge || region.size() > most) continue;
      // Its soft edge too, or a ghost of the outline would stay.
      for (const std::size_t i : region) {
        for (std::size_t dy = 0; dy < 3; ++dy) {
          for (std::size_t dx = 0; dx < 3; ++dx) copper.data[i + dy * width + dx - width - 1] = 255;
        }
      }
    }
  }

  // Last, so that no trace fills a hole again. Print is kept off bare metal and holes.
  void drill() {
    for (const Capsule& hole : holes_) {
      draw_capsule(layers_.copper, hole, Ink::kCut);
      draw_capsule(layers_.hole, hole, Ink::kAdd);
    }
    for (std::size_t i = 0; i < layers_.silk.data.size(); ++i) {
      if (layers_.bare.data[i] > 0 || layers_.hole.data[i] > 0) layers_.silk.data[i] = 0;
    }
  }

  LayoutOptions options_;
  int unit_;
  int pitch_;
  BoardRandom random_;
  BoardLayers layers_;
  Router router_;
  Point origin_;
  std::vector<Node> pads_;
  std::vector<NodeBox> taken_;     // bodies of parts and the board's name
  std::vector<std::uint8_t> joined_;  // by pad: a trace ends here already
  std::vector<Capsule> holes_;
};

}  // namespace

BoardLayers lay_out_board(const LayoutOptions& options) { return Designer(options).design(); }

}  // namespace shoal
