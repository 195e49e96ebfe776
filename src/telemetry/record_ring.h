// A bounded ring of preallocated records: many threads put, one takes, nobody waits. The algorithm
// is Dmitry Vyukov's bounded queue: every slot carries the turn at which it may be used.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace shoal {

// Threads  push() any; front(), pop() one; the counts any.
// Cost     all memory is taken, and touched, by the constructor.
template <typename Record>
class RecordRing {
 public:
  // `capacity` is rounded up to a power of two, at least 2.
  explicit RecordRing(std::size_t capacity)
      : mask_(std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity) - 1),
        slots_(std::make_unique<Slot[]>(mask_ + 1)) {
    for (std::size_t i = 0; i <= mask_; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
  }

  // Calls fill(Record&) on a free slot. False: the ring is full, nothing was called.
  template <typename Fill>
  bool push(Fill&& fill) noexcept {
    std::uint64_t ticket = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[ticket & mask_];
      const std::uint64_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn == ticket) {
        if (tail_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed)) {
          fill(slot.record);
          slot.turn.store(ticket + 1, std::memory_order_release);
          return true;
        }
      } else if (turn < ticket) {
        return false;
      } else {
        ticket = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  // The oldest record, valid until pop(); nullptr where there is none that is complete.
  [[nodiscard]] const Record* front() const {
    const std::uint64_t ticket = head_.load(std::memory_order_relaxed);
    const Slot& slot = slots_[ticket & mask_];
    return slot.turn.load(std::memory_order_acquire) == ticket + 1 ? &slot.record : nullptr;
  }

  // REQUIRES: front() was not nullptr.
  void pop() {
    const std::uint64_t ticket = head_.load(std::memory_order_relaxed);
    slots_[ticket & mask_].turn.store(ticket + mask_ + 1, std::memory_order_release);
    head_.store(ticket + 1, std::memory_order_release);
  }

  // How many were ever put in, those on their way included, and taken out.
  [[nodiscard]] std::uint64_t pushed() const { return tail_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t popped() const { return head_.load(std::memory_order_acquire); }
  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

 private:
  struct Slot {
    std::atomic<std::uint64_t> turn{0};
    Record record{};
  };

  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // next ticket to put
  alignas(64) std::atomic<std::uint64_t> head_{0};  // next ticket to take
};

}  // namespace shoal
