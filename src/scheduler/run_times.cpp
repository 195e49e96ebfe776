#include "scheduler/run_times.h"

#include <algorithm>

#include "core/check.h"

namespace shoal {
namespace {

constexpr double kWeightOfNewest = 0.2;
constexpr std::uint32_t kSeenOften = 3;

// At least one tick, as zero stands for "not known".
Duration to_duration(double nanoseconds) {
  const std::chrono::duration<double, std::nano> exact(nanoseconds);
  return std::max(std::chrono::duration_cast<Duration>(exact), Duration(1));
}

}  // namespace

RunTimes::RunTimes(std::size_t bucket_count, int batch_max)
    : batch_max_(static_cast<std::size_t>(batch_max)),
      means_(bucket_count * batch_max_),
      estimates_(bucket_count * batch_max_),
      known_max_(bucket_count) {}

void RunTimes::learn(std::size_t bucket, int count, Duration run_time) {
  SHOAL_CHECK(count >= 1 && static_cast<std::size_t>(count) <= batch_max_,
              "a batch of the configured sizes");
  Mean& mean = means_[bucket * batch_max_ + static_cast<std::size_t>(count) - 1];
  const std::chrono::duration<double, std::nano> measured = run_time;
  ++mean.seen;
  // Plain averaging at first, so that a slow first batch is soon forgotten.
  const double weight = std::max(kWeightOfNewest, 1.0 / mean.seen);
  mean.nanoseconds += weight * (std::max(measured.count(), 1.0) - mean.nanoseconds);
  if (mean.seen >= kSeenOften) known_max_[bucket] = std::max(known_max_[bucket], count);
  interpolate(bucket);
}

void RunTimes::interpolate(std::size_t bucket) {
  const Mean* means = &means_[bucket * batch_max_];
  Duration* estimates = &estimates_[bucket * batch_max_];
  std::size_t below = batch_max_;  // the nearest seen one; batch_max_: none
  for (std::size_t i = 0; i < batch_max_; ++i) {
    if (means[i].seen == 0) continue;
    estimates[i] = to_duration(means[i].nanoseconds);
    const double high = means[i].nanoseconds;
    const double low = below < batch_max_ ? means[below].nanoseconds : 0;
    const std::size_t first = below < batch_max_ ? below + 1 : 0;
    for (std::size_t k = first; k < i; ++k) {
      // Below the smallest seen size: proportional, from "no pictures cost nothing".
      const double way = below < batch_max_
                             ? static_cast<double>(k - below) / static_cast<double>(i - below)
                             : static_cast<double>(k + 1) / static_cast<double>(i + 1);
      estimates[k] = to_duration(low + (high - low) * way);
    }
    below = i;
  }
  for (std::size_t k = below + 1; k < batch_max_; ++k) {
    estimates[k] = to_duration(means[below].nanoseconds * static_cast<double>(k + 1) /
                               static_cast<double>(below + 1));
  }
}

std::span<const Duration> RunTimes::estimates(std::size_t bucket) const {
  const std::span<const Duration> all(&estimates_[bucket * batch_max_], batch_max_);
  return all.front() == Duration::zero() ? std::span<const Duration>() : all;
}

std::optional<Duration> RunTimes::estimate(std::size_t bucket, int count) const {
  const auto all = estimates(bucket);
  if (all.empty()) return std::nullopt;
  return all[static_cast<std::size_t>(count) - 1];
}

}  // namespace shoal
