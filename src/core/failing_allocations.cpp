// The replaced functions. Those of the C library forward to glibc's own names for them; sanitizers
// bring their own, so under them only operator new is replaced.
#include "core/failing_allocations.h"

#include <sys/prctl.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

constexpr int kOff = -1;
std::atomic<int> armed{kOff};  // an AllocationKind
std::atomic<std::uint64_t> counted{0};
std::atomic<std::uint64_t> fail_first{0};
std::atomic<std::uint64_t> fail_last{0};
std::atomic<std::size_t> least_bytes{0};
thread_local int spared = 0;

bool on_own_thread() {
  char name[16] = {};
  return prctl(PR_GET_NAME, name) == 0 && (std::strncmp(name, "lane-", 5) == 0 ||
                                           std::strncmp(name, "decode-", 7) == 0);
}

// Whether this allocation is one of those that fail.
bool fails(shoal::AllocationKind kind, std::size_t size) {
  if (armed.load(std::memory_order_acquire) != static_cast<int>(kind) || spared > 0) return false;
  if (size < least_bytes) return false;
  if (!on_own_thread()) return false;
  const std::uint64_t number = counted.fetch_add(1) + 1;
  return number >= fail_first && number <= fail_last;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (fails(shoal::AllocationKind::kNew, size)) {
    errno = ENOMEM;  // as the malloc behind it does
    return nullptr;
  }
  if (size == 0) size = 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
#else
  if (alignment <= alignof(std::max_align_t)) return __libc_malloc(size);
  return __libc_memalign(alignment, size);
#endif
}

}  // namespace

void shoal::arm_allocations(AllocationKind kind, std::uint64_t first, std::uint64_t last,
                            std::size_t least) {
  least_bytes = least;
  counted = 0;
  fail_first = first;
  fail_last = last;
  armed.store(static_cast<int>(kind), std::memory_order_release);
}

std::uint64_t shoal::disarm_allocations() {
  armed.store(kOff, std::memory_order_release);
  return counted;
}

shoal::SparedAllocations::SparedAllocations() { ++spared; }
shoal::SparedAllocations::~SparedAllocations() { --spared; }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {

void* malloc(std::size_t size) {
  if (fails(shoal::AllocationKind::kMalloc, size)) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
  if (fails(shoal::AllocationKind::kMalloc, size)) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_calloc(count, size);
}

void* realloc(void* memory, std::size_t size) {
  if (fails(shoal::AllocationKind::kMalloc, size)) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_realloc(memory, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  if (fails(shoal::AllocationKind::kMalloc, size)) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  if (fails(shoal::AllocationKind::kMalloc, size)) {
    errno = ENOMEM;  // as glibc's own does, beside returning it
    return ENOMEM;
  }
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

}  // extern "C"
#endif

#include "core/replaced_operators.h"
