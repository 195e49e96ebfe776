// What batches have cost so far: learned run times by bucket and batch size.
#pragma once

#include <optional>
#include <vector>

#include "core/clock.h"

namespace shoal {

// An exponentially weighted mean per (bucket, batch size); sizes never seen are interpolated
// between the nearest seen ones.
//
// Threads  none; the caller synchronises.
// Cost     learn O(1), estimate O(batch_max); no allocation after construction.
class RunTimes {
 public:
  RunTimes(std::size_t bucket_count, int batch_max);
  void learn(std::size_t bucket, int count, Duration run_time);
  // Empty until some size of this bucket has been seen. REQUIRES: 1 <= count <= batch_max.
  [[nodiscard]] std::optional<Duration> estimate(std::size_t bucket, int count) const;

 private:
  [[nodiscard]] double at(std::size_t bucket, int count) const;

  int batch_max_;
  std::vector<double> nanoseconds_;  // [bucket, batch_max]; 0: not seen
};

}  // namespace shoal
