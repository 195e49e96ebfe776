// Optimal, against every possible pairing for small inputs and against SciPy for large ones.
#include "track/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <random>
#include <string>
#include <vector>

#include "core/counted_allocations.h"
#include "core/fixtures_test.h"

namespace shoal {
namespace {

struct Problem {
  std::int32_t rows = 0;
  std::int32_t columns = 0;
  std::vector<PairCost> pairs;
};

// `density`: share of the pairs that exist. Costs of few levels make ties.
Problem make_problem(std::mt19937& random, std::int32_t rows, std::int32_t columns,
                     double density, int levels) {
  Problem problem{.rows = rows, .columns = columns, .pairs = {}};
  std::uniform_real_distribution<double> uniform;
  for (std::int32_t i = 0; i < rows; ++i) {
    for (std::int32_t j = 0; j < columns; ++j) {
      if (uniform(random) >= density) continue;
      const double cost = std::floor(uniform(random) * levels) / levels;
      problem.pairs.push_back({i, j, static_cast<float>(cost)});
    }
  }
  std::shuffle(problem.pairs.begin(), problem.pairs.end(), random);
  return problem;
}

double best_of_all(const std::vector<std::vector<double>>& gain, std::size_t row,
                   unsigned used_columns) {
  if (row == gain.size()) return 0;
  double best = best_of_all(gain, row + 1, used_columns);
  for (std::size_t j = 0; j < gain[row].size(); ++j) {
    if ((used_columns >> j & 1U) != 0 || gain[row][j] <= 0) continue;
    best = std::max(best, gain[row][j] + best_of_all(gain, row + 1, used_columns | 1U << j));
  }
  return best;
}

std::vector<std::vector<double>> gains(const Problem& problem, float limit) {
  std::vector<std::vector<double>> gain(
      static_cast<std::size_t>(problem.rows),
      std::vector<double>(static_cast<std::size_t>(problem.columns)));
  for (const PairCost& pair : problem.pairs) {
    double& best = gain[static_cast<std::size_t>(pair.row)][static_cast<std::size_t>(pair.column)];
    best = std::max(best, static_cast<double>(limit) - static_cast<double>(pair.cost));
  }
  return gain;
}

// What the solution saves against leaving everything alone; fails where it is none.
double gain_of(const Assignment& assignment, const Problem& problem, float limit) {
  const auto gain = gains(problem, limit);
  const auto columns = assignment.column_of_row();
  const auto rows = assignment.row_of_column();
  EXPECT_EQ(columns.size(), static_cast<std::size_t>(problem.rows));
  EXPECT_EQ(rows.size(), static_cast<std::size_t>(problem.columns));
  double total = 0;
  std::int32_t matched = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < 0) continue;
    const auto j = static_cast<std::size_t>(columns[i]);
    EXPECT_EQ(rows[j], static_cast<std::int32_t>(i));
    EXPECT_GT(gain[i][j], 0) << "a pair that does not exist, or costs the limit";
    total += gain[i][j];
    ++matched;
  }
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](int row) { return row >= 0; }), matched);
  return total;
}

TEST(AssignmentTest, IsAsGoodAsTheBestOfAllPairings) {
  std::mt19937 random(20260301);
  Assignment assignment;
  for (int i = 0; i < 3000; ++i) {
    const auto rows = static_cast<std::int32_t>(random() % 7);
    const auto columns = static_cast<std::int32_t>(random() % 7);
    const Problem problem =
        make_problem(random, rows, columns, 0.2 + 0.8 * (i % 5) / 4, i % 2 == 0 ? 4 : 1000);
    const float limit = i % 3 == 0 ? 100.0F : 0.8F;
    assignment.solve(problem.pairs, rows, columns, limit);
    ASSERT_NEAR(gain_of(assignment, problem, limit),
                best_of_all(gains(problem, limit), 0, 0), 1e-5) << i;
  }
}

TEST(AssignmentTest, IsAsGoodAsSciPys) {
  std::mt19937 random(20260302);
  const ScratchFolder folder;
  std::ofstream file(folder.file("problems.txt"));
  file << std::setprecision(9);
  Assignment assignment;
  for (int i = 0; i < 60; ++i) {
    const auto rows = static_cast<std::int32_t>(1 + random() % 120);
    const auto columns = static_cast<std::int32_t>(1 + random() % 120);
    const Problem problem =
        make_problem(random, rows, columns, i % 3 == 0 ? 1.0 : 0.03, i % 2 == 0 ? 10 : 100000);
    const float limit = i % 4 == 0 ? 1000.0F : 0.8F;
    assignment.solve(problem.pairs, rows, columns, limit);
    file << rows << ' ' << columns << ' ' << limit << ' '
         << gain_of(assignment, problem, limit) << ' ' << problem.pairs.size();
    for (const PairCost& pair : problem.pairs) {
      file << ' ' << pair.row << ' ' << pair.column << ' ' << pair.cost;
    }
    file << '\n';
  }
  file.close();
  EXPECT_EQ(run_python("src/track/assignment_reference.py", folder.file("problems.txt")), 0);
}

TEST(AssignmentTest, TakesAWorsePairForTheSakeOfASecond) {
  Assignment assignment;
  const std::vector<PairCost> pairs{{0, 0, 0.1F}, {0, 1, 0.3F}, {1, 0, 0.2F}};
  assignment.solve(pairs, 2, 2, 0.8F);
  EXPECT_EQ(assignment.column_of_row()[0], 1);
  EXPECT_EQ(assignment.column_of_row()[1], 0);
}

TEST(AssignmentTest, LeavesAloneWhatCostsTheLimitOrIsNoPair) {
  Assignment assignment;
  const std::vector<PairCost> pairs{{0, 0, 0.8F}, {1, 1, 0.9F}, {2, 1, 0.7F}};
  assignment.solve(pairs, 4, 3, 0.8F);
  EXPECT_EQ(assignment.column_of_row()[0], -1);
  EXPECT_EQ(assignment.column_of_row()[1], -1);
  EXPECT_EQ(assignment.column_of_row()[2], 1);
  EXPECT_EQ(assignment.column_of_row()[3], -1);
  EXPECT_EQ(assignment.row_of_column()[2], -1);
  assignment.solve({}, 0, 0, 0.8F);
  EXPECT_TRUE(assignment.column_of_row().empty());
}

TEST(AssignmentTest, DoesNotAllocateOnceItHasSeenTheLargest) {
  std::mt19937 random(3);
  const Problem large = make_problem(random, 60, 60, 1.0, 1000);
  const Problem small = make_problem(random, 50, 40, 0.1, 1000);
  Assignment assignment;
  assignment.solve(large.pairs, large.rows, large.columns, 1.0F);
  const std::size_t before = counted_allocations();
  assignment.solve(small.pairs, small.rows, small.columns, 1.0F);
  assignment.solve(large.pairs, large.rows, large.columns, 0.5F);
  EXPECT_EQ(counted_allocations() - before, 0U);
}

}  // namespace
}  // namespace shoal
