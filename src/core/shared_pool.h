// A fixed number of objects that several readers share and that are used again when the last of
// them is done: one analysed frame goes to many sinks without being copied or allocated.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace shoal {

template <typename T>
class SharedPool {
  struct Slot {
    T value{};
    std::atomic<std::uint32_t> holders{0};
    SharedPool* pool = nullptr;
  };

 public:
  // A share of one object. Copying it adds a holder; the last to go gives the object back.
  //
  // Threads  one handle by one thread at a time; different handles of one object by any. Whoever
  //          got it from acquire() writes before handing out copies; all holders only read then.
  class Lease {
   public:
    Lease() = default;
    Lease(const Lease& other) noexcept : slot_(other.slot_) {
      if (slot_ != nullptr) slot_->holders.fetch_add(1, std::memory_order_relaxed);
    }
    Lease(Lease&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
    Lease& operator=(Lease other) noexcept {
      std::swap(slot_, other.slot_);
      return *this;
    }
    ~Lease() { reset(); }

    void reset() noexcept {
      Slot* slot = std::exchange(slot_, nullptr);
      if (slot == nullptr) return;
      if (slot->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) slot->pool->give_back(*slot);
    }
    [[nodiscard]] explicit operator bool() const { return slot_ != nullptr; }
    [[nodiscard]] const T& operator*() const { return slot_->value; }
    [[nodiscard]] const T* operator->() const { return &slot_->value; }
    // REQUIRES: this is the only holder.
    [[nodiscard]] T& write() { return slot_->value; }

   private:
    friend class SharedPool;
    explicit Lease(Slot* slot) : slot_(slot) {}
    Slot* slot_ = nullptr;
  };

  // REQUIRES: size > 0.
  explicit SharedPool(std::size_t size) : slots_(size) {
    free_.reserve(size);
    for (Slot& slot : slots_) {
      slot.pool = this;
      free_.push_back(&slot);
    }
  }
  // Waits for the leases that are still out.
  ~SharedPool() {
    std::unique_lock lock(mutex_);
    all_back_.wait(lock, [this] { return free_.size() == slots_.size(); });
  }
  SharedPool(const SharedPool&) = delete;
  SharedPool& operator=(const SharedPool&) = delete;

  // An object as its last holder left it (its buffers are worth reusing); empty where all are out.
  // Cost     one lock, no allocation.
  [[nodiscard]] Lease try_acquire() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return Lease();
    Slot* slot = free_.back();
    free_.pop_back();
    slot->holders.store(1, std::memory_order_relaxed);
    return Lease(slot);
  }

  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] std::size_t free_count() const {
    const std::lock_guard lock(mutex_);
    return free_.size();
  }

 private:
  // Notifies under the lock: the pool may be gone right after it.
  void give_back(Slot& slot) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(&slot);
    if (free_.size() == slots_.size()) all_back_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable all_back_;
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
};

}  // namespace shoal
