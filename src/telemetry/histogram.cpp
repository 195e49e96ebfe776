#include "telemetry/histogram.h"

#include <algorithm>
#include <cmath>

namespace shoal {
namespace {

double microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

}  // namespace

void Histogram::add(Duration duration) {
  const double us = std::max(1.0, microseconds(duration));
  const int bucket = static_cast<int>(std::log2(us) * kPerOctave);
  ++buckets_[static_cast<std::size_t>(std::clamp(bucket, 0, kBuckets - 1))];
  ++count_;
  total_ += duration.count();
  largest_ = std::max(largest_, duration);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  total_ += other.total_;
  largest_ = std::max(largest_, other.largest_);
}

double Histogram::mean_ms() const {
  return count_ == 0 ? 0 : to_milliseconds(total()) / static_cast<double>(count_);
}

double Histogram::quantile_ms(double q) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(
      std::max(1.0, std::ceil(q * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[static_cast<std::size_t>(bucket)];
    if (seen >= rank) {
      const double edge_ms = std::exp2(static_cast<double>(bucket + 1) / kPerOctave) / 1000;
      return std::min(edge_ms, to_milliseconds(largest_));
    }
  }
  return to_milliseconds(largest_);
}

}  // namespace shoal
