"""The gain of the best pairing of every problem in a file, by SciPy's linear_sum_assignment.

A line: rows, columns, limit, gain found, pairs, then row, column and cost of each pair.
"""
import sys

import numpy
from scipy.optimize import linear_sum_assignment


def best_gain(rows, columns, limit, pairs):
    gain = numpy.zeros((rows, columns))
    for row, column, cost in pairs:
        gain[int(row), int(column)] = max(0.0, limit - cost)
    return gain[linear_sum_assignment(gain, maximize=True)].sum()


def main():
    problems = 0
    for line in open(sys.argv[1]):
        values = [float(word) for word in line.split()]
        rows, columns, limit, found, count = values[:5]
        pairs = numpy.array(values[5:]).reshape(int(count), 3)
        best = best_gain(int(rows), int(columns), limit, pairs)
        assert abs(best - found) <= 1e-5 * max(1.0, abs(best)), (problems, found, best)
        problems += 1
    assert problems > 0
    print(f"{problems} problems")


if __name__ == "__main__":
    main()
