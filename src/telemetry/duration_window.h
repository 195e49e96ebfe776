// Quantiles of durations over the last minute, counted by many threads without a lock.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>

#include "core/clock.h"

namespace shoal {

// Logarithmic buckets, 32 an octave: a quantile is at most 3.2 % too high. From 1 us to 137 s;
// what lies outside counts as the nearest.
//
// Threads  add() any; advance() one; quantiles() any.
// Cost     add is a shift and an increment; no allocation. 27 KB.
class DurationWindow {
 public:
  // The window moves on by one part with every advance(): quantiles are over the last 6 parts and
  // the one that is filling.
  static constexpr int kParts = 6;

  void add(Duration duration) noexcept {
    const int part = filling_.load(std::memory_order_acquire);
    counts_[static_cast<std::size_t>(part)][bucket_of(duration)].fetch_add(
        1, std::memory_order_relaxed);
  }
  void advance() noexcept;

  // The upper edge of the bucket that holds each quantile, in microseconds; NaN where nothing was
  // added. REQUIRES: equal lengths; ascending q.
  void quantiles(std::span<double> out_us, std::span<const double> q) const;

 private:
  static constexpr int kSteps = 32;   // an octave
  static constexpr int kFirst = 10;   // 2^10 ns is the first bucket's lower edge
  static constexpr int kOctaves = 27;
  static constexpr int kBuckets = kSteps * kOctaves;

  [[nodiscard]] static std::size_t bucket_of(Duration duration) noexcept {
    const auto count = duration.count();
    if (count < (1 << kFirst)) return 0;
    const auto ns = static_cast<std::uint64_t>(count);
    const int octave = static_cast<int>(std::bit_width(ns)) - 1;
    if (octave >= kFirst + kOctaves) return kBuckets - 1;
    const auto step = (ns >> (octave - 5)) & (kSteps - 1);  // the 5 bits below the highest
    return static_cast<std::size_t>(octave - kFirst) * kSteps + step;
  }
  [[nodiscard]] static double upper_edge_us(std::size_t bucket);

  // One more than kParts: a thread that was stopped inside of add() may still write to the part
  // that was filling before; the one being cleared is the oldest.
  std::array<std::array<std::atomic<std::uint32_t>, kBuckets>, kParts + 2> counts_{};
  std::atomic<int> filling_{0};
};

}  // namespace shoal
