// Which detection belongs to which track: the pairing of rows and columns that costs least, where
// leaving one alone is allowed. Optimal, not greedy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace shoal {

struct PairCost {
  std::int32_t row = 0;
  std::int32_t column = 0;
  float cost = 0;
};

// Chooses pairs, every row and column in one at most, so that the sum of (cost - limit) over them
// is least: a pair is worth having where it costs less than the limit, and a second pair is worth
// a worse first one. That is the linear assignment with a cost limit that ByteTrack uses; with a
// limit above all sums it is the plain one.
//
// Method   Rows and columns that no path of pairs connects are solved apart: in pictures those are
//          groups of a few boxes. Within a group, shortest augmenting paths with dual prices
//          (Jonker and Volgenant, Computing 38, 1987). Ties: the same input gives the same answer.
// Threads  one at a time. Cost  O(pairs + sum over groups of rows * rows * columns); no allocation
//          once the largest input has been seen.
class Assignment {
 public:
  // Pairs that are absent, or cost the limit or more, are never chosen. Of repeated pairs the
  // cheapest counts.
  // REQUIRES: 0 <= row < rows, 0 <= column < columns, costs finite.
  void solve(std::span<const PairCost> pairs, std::int32_t rows, std::int32_t columns,
             float limit);

  // The last solution: for each row its column, or -1; for each column its row, or -1.
  [[nodiscard]] std::span<const std::int32_t> column_of_row() const { return column_of_row_; }
  [[nodiscard]] std::span<const std::int32_t> row_of_column() const { return row_of_column_; }

 private:
  std::int32_t group_of(std::int32_t node);
  void find_groups(std::span<const PairCost> pairs, std::int32_t rows, float limit);
  void solve_group(std::span<const PairCost> pairs, std::int32_t rows, float limit);
  // Rows <= columns. Fills matched_ (for each column of the group its row, or -1).
  void augment(std::size_t rows, std::size_t columns);

  std::vector<std::int32_t> column_of_row_;
  std::vector<std::int32_t> row_of_column_;
  // Groups: rows, then columns, as one set of nodes; links towards the smallest member.
  std::vector<std::int32_t> parent_;
  std::vector<PairCost> ordered_;            // pairs below the limit, by group
  std::vector<std::int32_t> group_begin_;    // counting sort
  // One group.
  std::vector<std::int32_t> local_;          // node -> index within the group, or -1
  std::vector<std::int32_t> group_rows_, group_columns_;
  std::vector<double> costs_;                // [rows, columns], cost - limit, 0 for no pair
  std::vector<double> row_price_, column_price_, distance_;
  std::vector<std::int32_t> matched_, previous_;
  std::vector<std::uint8_t> visited_;
};

}  // namespace shoal
