// The one queue of Shoal: bounded, many producers, many consumers, with a named overflow rule and
// two ways to end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace shoal {

// What push does when the queue is full. An argument, never a default.
enum class Overflow : std::uint8_t {
  kBlock,       // wait for room: files, where every item counts
  kReject,      // refuse the new item: requests, whose sender can try again
  kDropOldest,  // evict the oldest: live cameras, where the newest counts
};

enum class Pushed : std::uint8_t { kAccepted, kRejected, kEvictedOldest, kClosed };

// Threads  all methods may be called from any thread. Whoever has popped the last item that others
//          push may destroy the queue: they notify under the lock and touch nothing after it.
// Cost     one lock a call; allocates its slots when made, and nothing after.
template <typename T>
class BoundedQueue {
 public:
  // REQUIRES: capacity > 0.
  explicit BoundedQueue(std::size_t capacity) : slots_(capacity) {}

  // Moves from `item` only when it is accepted; otherwise the caller still owns it.
  Pushed push(T&& item, Overflow overflow) {
    std::unique_lock lock(mutex_);
    if (overflow == Overflow::kBlock) {
      room_.wait(lock, [this] { return closed_ || size_ < slots_.size(); });
    }
    if (closed_) return Pushed::kClosed;
    Pushed outcome = Pushed::kAccepted;
    if (size_ == slots_.size()) {
      if (overflow == Overflow::kReject) return Pushed::kRejected;
      (void)take_first();
      outcome = Pushed::kEvictedOldest;
    }
    slots_[(first_ + size_) % slots_.size()] = std::move(item);
    ++size_;
    item_.notify_one();
    return outcome;
  }

  // Waits for an item. Empty once the queue is closed and drained.
  [[nodiscard]] std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    item_.wait(lock, [this] { return closed_ || size_ > 0; });
    return take();
  }

  // An item if one is there now.
  [[nodiscard]] std::optional<T> try_pop() {
    const std::lock_guard lock(mutex_);
    return take();
  }

  // No more input: pushes are refused, pops drain what is left. Idempotent.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    item_.notify_all();
    room_.notify_all();
  }

  // Closes and throws away what is queued. Returns how many items that were.
  std::size_t abandon() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    const std::size_t dropped = size_;
    while (size_ > 0) (void)take_first();
    item_.notify_all();
    room_.notify_all();
    return dropped;
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

 private:
  // REQUIRES: locked.
  std::optional<T> take() {
    if (size_ == 0) return std::nullopt;
    std::optional<T> item = take_first();
    room_.notify_one();
    return item;
  }

  // REQUIRES: locked, size_ > 0.
  std::optional<T> take_first() {
    std::optional<T> item = std::move(slots_[first_]);
    slots_[first_].reset();
    first_ = (first_ + 1) % slots_.size();
    --size_;
    return item;
  }

  mutable std::mutex mutex_;
  std::condition_variable item_;
  std::condition_variable room_;
  std::vector<std::optional<T>> slots_;  // a ring
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  bool closed_ = false;
};

}  // namespace shoal
