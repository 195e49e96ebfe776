// The memory ceilings of a model's buckets, shared by its lanes.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "core/memory_ceiling.h"
#include "scheduler/batcher.h"

namespace shoal {

// Remembers failed allocations, says them once, and tells the scheduler.
//
// Threads  all methods may be called from any thread.
// Cost     nothing until something failed; then a lock a batch.
class MemoryCeilings {
 public:
  // `model` is for the log. `batcher` outlives this.
  MemoryCeilings(std::string model, std::size_t buckets, int batch_max, Batcher& batcher);

  // Most pictures of a run that begins now.
  [[nodiscard]] int allowed(std::size_t bucket, TimePoint now);
  // A run of `count` pictures failed for want of memory.
  void failed(std::size_t bucket, int count, TimePoint now);

 private:
  void tell_locked(std::size_t bucket);

  const std::string model_;
  const int batch_max_;
  Batcher& batcher_;
  std::atomic<bool> limited_{false};
  std::mutex mutex_;
  std::vector<MemoryCeiling> ceilings_;  // guarded by mutex_
  std::vector<int> told_;                // guarded by mutex_: what the batcher knows
};

}  // namespace shoal
