#include "telemetry/duration_window.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/check.h"

namespace shoal {

static_assert(std::chrono::nanoseconds(1) == Duration(1), "buckets are in nanoseconds");

void DurationWindow::advance() noexcept {
  const auto parts = static_cast<int>(counts_.size());
  const int next = (filling_.load(std::memory_order_relaxed) + 1) % parts;
  // `next` was cleared one round ago, `after` holds the oldest part.
  const int after = (next + 1) % parts;
  filling_.store(next, std::memory_order_release);
  for (auto& count : counts_[static_cast<std::size_t>(after)]) {
    count.store(0, std::memory_order_relaxed);
  }
}

double DurationWindow::upper_edge_us(std::size_t bucket) {
  const auto octave = static_cast<int>(bucket / kSteps) + kFirst;
  const auto step = static_cast<double>(bucket % kSteps + 1);
  return std::ldexp(1 + step / kSteps, octave) / 1000;
}

void DurationWindow::quantiles(std::span<double> out_us, std::span<const double> q) const {
  SHOAL_CHECK(out_us.size() == q.size(), "one result a quantile");
  std::vector<std::uint64_t> sums(kBuckets);
  std::uint64_t total = 0;
  for (const auto& part : counts_) {
    for (std::size_t bucket = 0; bucket < sums.size(); ++bucket) {
      const std::uint64_t count = part[bucket].load(std::memory_order_relaxed);
      sums[bucket] += count;
      total += count;
    }
  }
  std::fill(out_us.begin(), out_us.end(), std::numeric_limits<double>::quiet_NaN());
  std::uint64_t seen = 0;
  std::size_t next = 0;
  for (std::size_t bucket = 0; bucket < sums.size() && next < q.size(); ++bucket) {
    seen += sums[bucket];
    while (next < q.size() && total > 0 &&
           static_cast<double>(seen) >= std::max(1.0, q[next] * static_cast<double>(total))) {
      out_us[next++] = upper_edge_us(bucket);
    }
  }
}

}  // namespace shoal
