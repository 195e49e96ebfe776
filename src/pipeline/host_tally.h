// What a model's entry has answered, for its statistics.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "core/request.h"
#include "pipeline/lane_stats.h"
#include "pipeline/model_host.h"

namespace shoal {

inline std::int64_t unix_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// 0 where it is negative.
inline std::uint64_t whole_nanoseconds(Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count(), 0));
}

inline void add(EventTotals& totals, Duration duration) {
  ++totals.count;
  totals.nanoseconds += whole_nanoseconds(duration);
}

// What was answered by one entry.
//
// Threads  all methods by any thread.
class Tally {
 public:
  void count(const Request& request) {
    const StageTimes& times = request.outcome.times;
    const std::lock_guard lock(mutex_);
    if (request.outcome.error) return add(totals_.fail, times.total);
    add(totals_.success, times.total);
    add(totals_.queue, times.queue);
    add(totals_.compute_input, times.decode + times.preprocess);
    add(totals_.compute_infer, times.inference);
    add(totals_.compute_output, times.postprocess);
    totals_.last_inference_ms = unix_nanoseconds() / 1'000'000;
  }

  [[nodiscard]] HostStatistics with(const LaneStats& lanes) const {
    HostStatistics all;
    {
      const std::lock_guard lock(mutex_);
      all = totals_;
    }
    all.inference_count = static_cast<std::uint64_t>(lanes.pictures);
    for (std::size_t size = 1; size < lanes.sizes.size(); ++size) {
      const LaneStats::BySize& by = lanes.sizes[size];
      if (by.batches == 0) continue;
      const auto count = static_cast<std::uint64_t>(by.batches);
      all.execution_count += count;
      all.batch_sizes.push_back({.size = static_cast<int>(size),
                                 .compute_input = {count, whole_nanoseconds(by.preprocess)},
                                 .compute_infer = {count, whole_nanoseconds(by.inference)},
                                 .compute_output = {count, whole_nanoseconds(by.postprocess)}});
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  HostStatistics totals_;
};

}  // namespace shoal
