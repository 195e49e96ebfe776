// A small grid router: finds ways of horizontal, vertical and 45-degree steps between grid nodes
// that cross no other net. Deterministic; it knows nothing of pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace shoal {

struct Node {
  int x = 0;
  int y = 0;
  friend constexpr bool operator==(const Node&, const Node&) = default;
};

struct GridSize {
  int columns = 0;
  int rows = 0;
};

class Router {
 public:
  explicit Router(GridSize size);

  [[nodiscard]] int columns() const { return size_.columns; }
  [[nodiscard]] int rows() const { return size_.rows; }
  [[nodiscard]] bool inside(Node n) const {
    return n.x >= 0 && n.y >= 0 && n.x < size_.columns && n.y < size_.rows;
  }

  // Which net a node belongs to; 0 = free. The node must be inside.
  [[nodiscard]] int owner(Node n) const { return owners_[index(n)]; }
  [[nodiscard]] int new_net() { return ++nets_; }

  // Gives the node to the net and makes it a pad: no 45-degree step may pass beside it.
  void occupy(Node n, int net);

  // All nodes of net `from` become nodes of `into`.
  void merge(int from, int into);

  // The cheapest way from `a` to `b` over free nodes and nodes of `net`; turns and 45-degree
  // steps beside other nets cost extra. The nodes of the way are given to `net`.
  // Returns the corners of the way, both ends included; empty where there is none.
  // Cost: at most 8 states a node within 6 nodes around the two ends.
  [[nodiscard]] std::vector<Node> connect(Node a, Node b, int net);

 private:
  [[nodiscard]] std::size_t index(Node n) const {
    return static_cast<std::size_t>(n.y) * static_cast<std::size_t>(size_.columns) +
           static_cast<std::size_t>(n.x);
  }
  [[nodiscard]] int step_cost(Node from, int heading, int previous, int net) const;

  GridSize size_;
  int nets_ = 0;
  std::vector<int> owners_;
  std::vector<std::uint8_t> is_pad_;
  std::vector<int> cost_;           // of the search under way, [node][heading]
  std::vector<std::int8_t> came_;   // heading before, [node][heading]
};

}  // namespace shoal
