// Which of the waiting items has the earliest deadline, with removal of any item: a binary heap
// that knows where each item is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/clock.h"

namespace shoal {

// Items are numbers below the capacity, each in the heap at most once.
//
// Cost     add and remove O(log n), add O(1) where deadlines come in order; no allocation after
//          construction.
class DeadlineHeap {
 public:
  explicit DeadlineHeap(std::size_t capacity);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  // REQUIRES: not empty.
  [[nodiscard]] TimePoint earliest() const { return entries_.front().deadline; }
  [[nodiscard]] std::uint32_t first() const { return entries_.front().item; }

  void add(std::uint32_t item, TimePoint deadline);
  // Nothing happens where the item is not in the heap.
  void remove(std::uint32_t item);

 private:
  struct Entry {
    TimePoint deadline;
    std::uint32_t item;
  };
  void put(std::size_t position, const Entry& entry);
  void rise(std::size_t position, const Entry& entry);
  void sink(std::size_t position, const Entry& entry);

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> positions_;  // [capacity]; of items that are in the heap
};

}  // namespace shoal
