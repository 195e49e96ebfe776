#include "pipeline/memory_ceilings.h"

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace shoal {

MemoryCeilings::MemoryCeilings(std::string model, std::size_t buckets, int batch_max,
                               Batcher& batcher)
    : model_(std::move(model)),
      batch_max_(batch_max),
      batcher_(batcher),
      ceilings_(buckets, MemoryCeiling(batch_max)),
      told_(buckets, batch_max) {}

int MemoryCeilings::allowed(std::size_t bucket, TimePoint now) {
  if (!limited_.load(std::memory_order_relaxed)) return batch_max_;
  const std::lock_guard lock(mutex_);
  const int allowed = ceilings_[bucket].allowed(now);
  tell_locked(bucket);
  limited_ = std::any_of(ceilings_.begin(), ceilings_.end(),
                         [](const MemoryCeiling& one) { return one.limited(); });
  return allowed;
}

void MemoryCeilings::failed(std::size_t bucket, int count, TimePoint now) {
  const std::lock_guard lock(mutex_);
  limited_ = true;
  const bool news = ceilings_[bucket].failed(count, now);
  tell_locked(bucket);
  if (!news) return;
  const int ceiling = ceilings_[bucket].ceiling();
  try {
    log(LogLevel::kWarn, "memory",
        "{}: an allocation failed in a batch of {}; batches of at most {} from now on, more is "
        "tried again after {} s", model_, count, ceiling,
        std::chrono::duration_cast<std::chrono::seconds>(ceilings_[bucket].quiet()).count());
  } catch (const std::bad_alloc&) {  // memory is short indeed; the ceiling counts, not the line
  }
}

void MemoryCeilings::tell_locked(std::size_t bucket) {
  const int ceiling = ceilings_[bucket].ceiling();
  if (ceiling == told_[bucket]) return;
  told_[bucket] = ceiling;
  batcher_.limit_batch(bucket, ceiling);
}

}  // namespace shoal
