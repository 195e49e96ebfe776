// Replaces operator new and delete by ones that count. In a file of its own, so that the compiler
// does not see through them.
#include "sink/allocations_for_test.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<long> count = 0;
}

void* operator new(std::size_t bytes) {
  ++count;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace shoal {

long allocation_count() { return count; }

}  // namespace shoal
