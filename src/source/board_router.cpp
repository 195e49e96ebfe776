// Dijkstra's algorithm over (node, heading), with the heading in the state so that turns can be
// priced. Ties are broken by the state's number: the result depends on nothing else.
#include "source/board_router.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <queue>
#include <utility>

namespace shoal {
namespace {

constexpr std::array<Node, 8> kSteps = {
    {{1, 0}, {1, 1}, {0, 1}, {-1, 1}, {-1, 0}, {-1, -1}, {0, -1}, {1, -1}}};
constexpr int kNever = 1 << 29;

Node step(Node n, int heading) {
  const Node d = kSteps[static_cast<std::size_t>(heading)];
  return {n.x + d.x, n.y + d.y};
}

}  // namespace

Router::Router(GridSize size) : size_(size) {
  const std::size_t nodes =
      static_cast<std::size_t>(size.columns) * static_cast<std::size_t>(size.rows);
  owners_.assign(nodes, 0);
  is_pad_.assign(nodes, 0);
  cost_.assign(nodes * 8, kNever);
  came_.assign(nodes * 8, -1);
}

void Router::occupy(Node n, int net) {
  owners_[index(n)] = net;
  is_pad_[index(n)] = 1;
}

void Router::merge(int from, int into) {
  std::replace(owners_.begin(), owners_.end(), from, into);
}

// Price of a step, kNever where it is not allowed.
int Router::step_cost(Node from, int heading, int previous, int net) const {
  const Node to = step(from, heading);
  if (!inside(to)) return kNever;
  const int there = owner(to);
  if (there != 0 && there != net) return kNever;
  // Of its own net only pads may be passed, so that traces do not lie on each other.
  if (there != 0 && is_pad_[index(to)] == 0) return kNever;
  int price = there == net ? 2 : 10;
  if (heading % 2 == 1) {
    const Node beside_a = {to.x, from.y};
    const Node beside_b = {from.x, to.y};
    const int a = owner(beside_a);
    const int b = owner(beside_b);
    if (a != 0 && a == b) return kNever;  // might cross that net's 45-degree step
    if (is_pad_[index(beside_a)] != 0 || is_pad_[index(beside_b)] != 0) return kNever;
    price = price * 14 / 10 + (a != 0 ? 3 : 0) + (b != 0 ? 3 : 0);
  }
  if (previous >= 0) {
    const int turn = std::abs(heading - previous);
    const int sharp = std::min(turn, 8 - turn);
    if (sharp > 2) return kNever;
    price += sharp * 4;
  }
  return price;
}

std::vector<Node> Router::connect(Node a, Node b, int net) {
  const Node low = {std::min(a.x, b.x) - 6, std::min(a.y, b.y) - 6};
  const Node high = {std::max(a.x, b.x) + 6, std::max(a.y, b.y) + 6};
  std::fill(cost_.begin(), cost_.end(), kNever);
  using State = std::pair<int, std::size_t>;  // cost, node * 8 + heading
  std::priority_queue<State, std::vector<State>, std::greater<>> open;
  const auto relax = [&](Node from, int heading, int previous, int spent) {
    const Node to = step(from, heading);
    if (to.x < low.x || to.y < low.y || to.x > high.x || to.y > high.y) return;
    const int price = step_cost(from, heading, previous, net);
    if (price >= kNever) return;
    const std::size_t state = index(to) * 8 + static_cast<std::size_t>(heading);
    if (spent + price >= cost_[state]) return;
    cost_[state] = spent + price;
    came_[state] = static_cast<std::int8_t>(previous);
    open.push({spent + price, state});
  };
  for (int heading = 0; heading < 8; ++heading) relax(a, heading, -1, 0);
  while (!open.empty()) {
    const auto [spent, state] = open.top();
    open.pop();
    if (spent > cost_[state]) continue;
    const auto columns = static_cast<std::size_t>(size_.columns);
    const std::size_t node = state / 8;
    const Node here = {static_cast<int>(node % columns), static_cast<int>(node / columns)};
    const int heading = static_cast<int>(state % 8);
    if (!(here == b)) {
      for (int next = 0; next < 8; ++next) relax(here, next, heading, spent);
      continue;
    }
    std::vector<Node> corners = {b};
    Node at = b;
    for (int toward = heading; !(at == a);) {
      owners_[index(at)] = net;
      const int before = came_[index(at) * 8 + static_cast<std::size_t>(toward)];
      at = step(at, (toward + 4) % 8);
      if (before != toward) corners.push_back(at);
      toward = before;
      if (toward < 0) break;
    }
    owners_[index(a)] = net;
    return corners;
  }
  return {};
}

}  // namespace shoal
