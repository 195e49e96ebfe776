// Random numbers that are the same on every machine: the distributions of <random> are not.
#pragma once

#include <cmath>
#include <cstdint>

namespace shoal {

// SplitMix64 (Steele, Lea, Flood 2014).
//
// Threads  none.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  // 0 <= x < 1.
  double uniform() { return static_cast<double>(next() >> 11U) * 0x1p-53; }
  // 0 <= x < count. REQUIRES: count > 0.
  std::uint64_t below(std::uint64_t count) { return next() % count; }
  bool chance(double probability) { return uniform() < probability; }
  // Of mean 1: the distances of a Poisson process of rate 1.
  double exponential() { return -std::log(1 - uniform()); }

 private:
  std::uint64_t state_;
};

}  // namespace shoal
