// Groups by union-find, then shortest augmenting paths in each.
#include "track/assignment.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace shoal {

std::int32_t Assignment::group_of(std::int32_t node) {
  while (parent_[static_cast<std::size_t>(node)] != node) {
    auto& link = parent_[static_cast<std::size_t>(node)];
    link = parent_[static_cast<std::size_t>(link)];
    node = link;
  }
  return node;
}

void Assignment::find_groups(std::span<const PairCost> pairs, std::int32_t rows, float limit) {
  for (std::size_t i = 0; i < parent_.size(); ++i) parent_[i] = static_cast<std::int32_t>(i);
  for (const PairCost& pair : pairs) {
    if (pair.cost >= limit) continue;
    const std::int32_t a = group_of(pair.row);
    const std::int32_t b = group_of(rows + pair.column);
    parent_[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
  }
  group_begin_.assign(parent_.size() + 1, 0);
  std::size_t kept = 0;
  for (const PairCost& pair : pairs) {
    if (pair.cost >= limit) continue;
    ++group_begin_[static_cast<std::size_t>(group_of(pair.row)) + 1];
    ++kept;
  }
  for (std::size_t i = 1; i < group_begin_.size(); ++i) group_begin_[i] += group_begin_[i - 1];
  ordered_.resize(kept);
  for (const PairCost& pair : pairs) {
    if (pair.cost >= limit) continue;
    auto& next = group_begin_[static_cast<std::size_t>(group_of(pair.row))];
    ordered_[static_cast<std::size_t>(next++)] = pair;
  }
  // Every entry has moved to the end of its group, which is the begin of the next.
}

void Assignment::solve(std::span<const PairCost> pairs, std::int32_t rows, std::int32_t columns,
                       float limit) {
  column_of_row_.assign(static_cast<std::size_t>(rows), -1);
  row_of_column_.assign(static_cast<std::size_t>(columns), -1);
  parent_.resize(static_cast<std::size_t>(rows) + static_cast<std::size_t>(columns));
  find_groups(pairs, rows, limit);
  local_.assign(parent_.size(), -1);
  std::size_t begin = 0;
  for (std::size_t group = 0; group + 1 < group_begin_.size(); ++group) {
    const auto end = static_cast<std::size_t>(group_begin_[group]);
    if (end == begin) continue;
    const std::span<const PairCost> members(ordered_.data() + begin, end - begin);
    if (members.size() == 1) {
      column_of_row_[static_cast<std::size_t>(members[0].row)] = members[0].column;
      row_of_column_[static_cast<std::size_t>(members[0].column)] = members[0].row;
    } else {
      solve_group(members, rows, limit);
    }
    begin = end;
  }
}

void Assignment::solve_group(std::span<const PairCost> pairs, std::int32_t rows, float limit) {
  group_rows_.clear();
  group_columns_.clear();
  const auto enter = [this](std::int32_t node, std::int32_t index,
                            std::vector<std::int32_t>& members) {
    std::int32_t& local = local_[static_cast<std::size_t>(node)];
    if (local >= 0) return;
    local = static_cast<std::int32_t>(members.size());
    members.push_back(index);
  };
  for (const PairCost& pair : pairs) {
    enter(pair.row, pair.row, group_rows_);
    enter(rows + pair.column, pair.column, group_columns_);
  }
  const bool turned = group_rows_.size() > group_columns_.size();
  const auto& few = turned ? group_columns_ : group_rows_;
  const auto& many = turned ? group_rows_ : group_columns_;
  const std::size_t width = many.size();
  costs_.assign(few.size() * width, 0.0);
  for (const PairCost& pair : pairs) {
    auto row = static_cast<std::size_t>(local_[static_cast<std::size_t>(pair.row)]);
    auto column = static_cast<std::size_t>(local_[static_cast<std::size_t>(rows + pair.column)]);
    if (turned) std::swap(row, column);
    double& cost = costs_[row * width + column];
    cost = std::min(cost, static_cast<double>(pair.cost) - static_cast<double>(limit));
  }
  augment(few.size(), width);
  for (std::size_t j = 0; j < width; ++j) {
    // A pair of cost 0 stands for two that stay alone.
    if (matched_[j] < 0) continue;
    const auto i = static_cast<std::size_t>(matched_[j]);
    if (costs_[i * width + j] >= 0) continue;
    const std::int32_t row = turned ? many[j] : few[i];
    const std::int32_t column = turned ? few[i] : many[j];
    column_of_row_[static_cast<std::size_t>(row)] = column;
    row_of_column_[static_cast<std::size_t>(column)] = row;
  }
}

// Rows enter one by one. For each, a shortest path over reduced costs (cost - row price - column
// price >= 0, and 0 on matched pairs) leads to a free column; prices move by what was learnt.
void Assignment::augment(std::size_t rows, std::size_t columns) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  row_price_.assign(rows, 0.0);
  column_price_.assign(columns, 0.0);
  matched_.assign(columns, -1);
  previous_.resize(columns);
  for (std::size_t entering = 0; entering < rows; ++entering) {
    distance_.assign(columns, kFar);
    visited_.assign(columns, 0);
    std::size_t row = entering;
    std::int32_t from = -1;  // column whose row is looked at; -1: the entering one
    double reached = 0;
    std::size_t column = 0;
    for (;;) {
      double nearest = kFar;
      const double* cost = costs_.data() + row * columns;
      for (std::size_t j = 0; j < columns; ++j) {
        if (visited_[j] != 0) continue;
        const double through = reached + cost[j] - row_price_[row] - column_price_[j];
        if (through < distance_[j]) {
          distance_[j] = through;
          previous_[j] = from;
        }
        if (distance_[j] < nearest) {
          nearest = distance_[j];
          column = j;
        }
      }
      visited_[column] = 1;
      reached = nearest;
      if (matched_[column] < 0) break;
      from = static_cast<std::int32_t>(column);
      row = static_cast<std::size_t>(matched_[column]);
    }
    row_price_[entering] += reached;
    for (std::size_t j = 0; j < columns; ++j) {
      if (visited_[j] == 0 || j == column) continue;
      const double gained = reached - distance_[j];
      row_price_[static_cast<std::size_t>(matched_[j])] += gained;
      column_price_[j] -= gained;
    }
    while (previous_[column] >= 0) {
      const auto before = static_cast<std::size_t>(previous_[column]);
      matched_[column] = matched_[before];
      column = before;
    }
    matched_[column] = static_cast<std::int32_t>(entering);
  }
}

}  // namespace shoal
