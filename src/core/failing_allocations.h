// For tests only: linking failing_allocations.cpp into a test program lets chosen allocations fail,
// for real, in any library of the process.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal {

// Which family of functions is meant.
enum class AllocationKind : std::uint8_t {
  kNew,     // every operator new, the throwing and the nothrow ones
  kMalloc,  // malloc, calloc, realloc, aligned_alloc and posix_memalign that are not operator new
};

// From now on allocations of this kind are counted, and numbers `first` to `last` (from 1) fail:
// 0, 0 counts only. Ends with disarm_allocations().
//
// Only threads whose name begins with "lane-" or "decode-" count: they are Shoal's. All that they
// allocate counts, whichever library they are in, but for what is in a SparedAllocations.
// Allocations of less than `least` bytes are left alone.
void arm_allocations(AllocationKind kind, std::uint64_t first, std::uint64_t last,
                     std::size_t least = 0);
// Returns how many were counted.
std::uint64_t disarm_allocations();

// While it lives, the calling thread's allocations are neither counted nor failed.
class SparedAllocations {
 public:
  SparedAllocations();
  ~SparedAllocations();
  SparedAllocations(const SparedAllocations&) = delete;
  SparedAllocations& operator=(const SparedAllocations&) = delete;
};

}  // namespace shoal
