// What batches have cost so far: learned run times by bucket and batch size.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/clock.h"

namespace shoal {

// A weighted mean per (bucket, batch size), the newest counting most; sizes never seen are
// interpolated between the nearest seen ones, or taken as proportional, which promises no gain.
//
// Threads  none; the caller synchronises.
// Cost     learn O(batch_max), the rest O(1); no allocation after construction.
class RunTimes {
 public:
  RunTimes(std::size_t bucket_count, int batch_max);
  void learn(std::size_t bucket, int count, Duration run_time);
  // Of batches of 1 to batch_max pictures; empty until some size of this bucket has been seen.
  [[nodiscard]] std::span<const Duration> estimates(std::size_t bucket) const;
  // One of them. REQUIRES: 1 <= count <= batch_max.
  [[nodiscard]] std::optional<Duration> estimate(std::size_t bucket, int count) const;
  // The largest size seen often enough that no single slow batch stands for it; 0: none.
  [[nodiscard]] int known_max(std::size_t bucket) const { return known_max_[bucket]; }

 private:
  struct Mean {
    double nanoseconds = 0;
    std::uint32_t seen = 0;
  };
  void interpolate(std::size_t bucket);

  std::size_t batch_max_;
  std::vector<Mean> means_;          // [bucket, batch_max]
  std::vector<Duration> estimates_;  // [bucket, batch_max]; of all sizes or of none of a bucket
  std::vector<int> known_max_;       // [bucket]
};

}  // namespace shoal
