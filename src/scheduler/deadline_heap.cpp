#include "scheduler/deadline_heap.h"

#include <limits>

namespace shoal {
namespace {

constexpr std::uint32_t kAbsent = std::numeric_limits<std::uint32_t>::max();

}  // namespace

DeadlineHeap::DeadlineHeap(std::size_t capacity) : positions_(capacity, kAbsent) {
  entries_.reserve(capacity);
}

void DeadlineHeap::add(std::uint32_t item, TimePoint deadline) {
  entries_.push_back({deadline, item});
  rise(entries_.size() - 1, {deadline, item});
}

void DeadlineHeap::remove(std::uint32_t item) {
  const std::uint32_t position = positions_[item];
  if (position == kAbsent) return;
  positions_[item] = kAbsent;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (position == entries_.size()) return;
  if (position > 0 && last.deadline < entries_[(position - 1) / 2].deadline) {
    rise(position, last);
  } else {
    sink(position, last);
  }
}

void DeadlineHeap::put(std::size_t position, const Entry& entry) {
  entries_[position] = entry;
  positions_[entry.item] = static_cast<std::uint32_t>(position);
}

void DeadlineHeap::rise(std::size_t position, const Entry& entry) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (entries_[parent].deadline <= entry.deadline) break;
    put(position, entries_[parent]);
    position = parent;
  }
  put(position, entry);
}

void DeadlineHeap::sink(std::size_t position, const Entry& entry) {
  for (;;) {
    std::size_t child = 2 * position + 1;
    if (child >= entries_.size()) break;
    if (child + 1 < entries_.size() && entries_[child + 1].deadline < entries_[child].deadline) {
      ++child;
    }
    if (entries_[child].deadline >= entry.deadline) break;
    put(position, entries_[child]);
    position = child;
  }
  put(position, entry);
}

}  // namespace shoal
