// The one queue of Shoal: bounded, many producers, many consumers, with a named overflow rule and
// two ways to end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace shoal {

// What push does when the queue is full. An argument, never a default.
enum class Overflow : std::uint8_t {
  kBlock,       // wait for room: files, where every item counts
  kReject,      // refuse the new item: requests, whose sender can try again
  kDropOldest,  // evict the oldest: live cameras, where the newest counts
};

enum class Pushed : std::uint8_t { kAccepted, kRejected, kEvictedOldest, kClosed };

// Threads  all methods may be called from any thread.
// Cost     one lock a call; no allocation once the deque has grown to the capacity.
template <typename T>
class BoundedQueue {
 public:
  // REQUIRES: capacity > 0.
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // Moves from `item` only when it is accepted; otherwise the caller still owns it.
  Pushed push(T&& item, Overflow overflow) {
    std::unique_lock lock(mutex_);
    if (overflow == Overflow::kBlock) {
      room_.wait(lock, [this] { return closed_ || items_.size() < capacity_; });
    }
    if (closed_) return Pushed::kClosed;
    Pushed outcome = Pushed::kAccepted;
    if (items_.size() >= capacity_) {
      if (overflow == Overflow::kReject) return Pushed::kRejected;
      items_.pop_front();
      outcome = Pushed::kEvictedOldest;
    }
    items_.push_back(std::move(item));
    lock.unlock();
    item_.notify_one();
    return outcome;
  }

  // Waits for an item. Empty once the queue is closed and drained.
  [[nodiscard]] std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    item_.wait(lock, [this] { return closed_ || !items_.empty(); });
    return take(lock);
  }

  // An item if one is there now.
  [[nodiscard]] std::optional<T> try_pop() {
    std::unique_lock lock(mutex_);
    return take(lock);
  }

  // No more input: pushes are refused, pops drain what is left. Idempotent.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    item_.notify_all();
    room_.notify_all();
  }

  // Closes and throws away what is queued. Returns how many items that were.
  std::size_t abandon() {
    std::deque<T> dropped;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      dropped.swap(items_);
    }
    item_.notify_all();
    room_.notify_all();
    return dropped.size();
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

 private:
  std::optional<T> take(std::unique_lock<std::mutex>& lock) {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return item;
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable item_;
  std::condition_variable room_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace shoal
