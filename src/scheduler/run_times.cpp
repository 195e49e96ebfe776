#include "scheduler/run_times.h"

#include "core/check.h"

namespace shoal {
namespace {

constexpr double kWeightOfNewest = 0.2;

}  // namespace

RunTimes::RunTimes(std::size_t bucket_count, int batch_max)
    : batch_max_(batch_max), nanoseconds_(bucket_count * static_cast<std::size_t>(batch_max)) {}

double RunTimes::at(std::size_t bucket, int count) const {
  return nanoseconds_[bucket * static_cast<std::size_t>(batch_max_) +
                      static_cast<std::size_t>(count - 1)];
}

void RunTimes::learn(std::size_t bucket, int count, Duration run_time) {
  SHOAL_CHECK(count >= 1 && count <= batch_max_, "a batch of the configured sizes");
  double& mean = nanoseconds_[bucket * static_cast<std::size_t>(batch_max_) +
                              static_cast<std::size_t>(count - 1)];
  const auto measured = static_cast<double>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(run_time).count());
  mean = mean == 0 ? measured : mean + kWeightOfNewest * (measured - mean);
}

std::optional<Duration> RunTimes::estimate(std::size_t bucket, int count) const {
  int below = count;
  while (below >= 1 && at(bucket, below) == 0) --below;
  int above = count;
  while (above <= batch_max_ && at(bucket, above) == 0) ++above;
  double nanoseconds = 0;
  if (below >= 1 && above <= batch_max_) {
    const double low = at(bucket, below);
    const double high = at(bucket, above);
    const double way = above == below ? 0.0 : static_cast<double>(count - below) / (above - below);
    nanoseconds = low + (high - low) * way;
  } else if (below >= 1) {  // only smaller batches seen: proportional, which promises no gain
    nanoseconds = at(bucket, below) * count / below;
  } else if (above <= batch_max_) {
    nanoseconds = at(bucket, above) * count / above;
  } else {
    return std::nullopt;
  }
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::nano>(nanoseconds));
}

}  // namespace shoal
