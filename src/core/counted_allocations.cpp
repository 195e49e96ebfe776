// The replaced operators. Apart from the tests, because a compiler that sees both sides inline
// takes malloc and delete for a mismatch.
#include "core/counted_allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> allocation_count{0};

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  if (size == 0) size = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

}  // namespace

std::size_t shoal::counted_allocations() {
  return allocation_count.load(std::memory_order_relaxed);
}

#include "core/replaced_operators.h"
