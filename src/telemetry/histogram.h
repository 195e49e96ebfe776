// Durations, counted into fixed buckets: mean and quantiles without keeping samples.
#pragma once

#include <array>
#include <cstdint>

#include "core/clock.h"

namespace shoal {

// Logarithmic buckets, 16 an octave (a quantile is at most 4.5 % too high), from 1 us to 1 hour.
//
// Threads  none; give each thread its own and merge.
// Cost     add is a logarithm and an increment; no allocation.
class Histogram {
 public:
  void add(Duration duration);
  void merge(const Histogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration total() const { return Duration(total_); }
  [[nodiscard]] double mean_ms() const;
  // The upper edge of the bucket that holds the quantile; 0 where nothing was added.
  // REQUIRES: 0 <= q <= 1.
  [[nodiscard]] double quantile_ms(double q) const;

 private:
  static constexpr int kPerOctave = 16;
  static constexpr int kBuckets = 32 * kPerOctave;

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  Duration::rep total_ = 0;
  Duration largest_{};
};

}  // namespace shoal
