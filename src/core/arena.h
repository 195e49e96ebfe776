// One block of memory whose parts are planned before it is allocated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "core/memory_size.h"
#include "core/pool.h"
#include "shoal/result.h"

namespace shoal {

// Where every part lies. Parts that are never alive together share their place:
//   const auto mark = plan.mark();  a = plan.add(..);  plan.rewind(mark);  b = plan.add(..);
class ArenaPlan {
 public:
  static constexpr std::size_t kAlignment = 64;  // a cache line, a vector register

  // Room for `bytes` behind what was added before; its offset, a multiple of kAlignment.
  [[nodiscard]] std::size_t add(std::size_t bytes) {
    const std::size_t offset = (top_ + kAlignment - 1) / kAlignment * kAlignment;
    top_ = offset + bytes;
    live_ += bytes;
    bytes_ = std::max(bytes_, top_);
    needed_ = std::max(needed_, live_);
    return offset;
  }

  struct Mark {
    std::size_t top, live;
  };
  [[nodiscard]] Mark mark() const { return {top_, live_}; }
  // What was added since `mark` is dead before what is added next is alive.
  void rewind(Mark mark) {
    top_ = mark.top;
    live_ = mark.live;
  }

  [[nodiscard]] std::size_t bytes() const { return bytes_; }    // of the block
  [[nodiscard]] std::size_t needed() const { return needed_; }  // most alive at once; <= bytes

 private:
  std::size_t top_ = 0;
  std::size_t live_ = 0;
  std::size_t bytes_ = 0;
  std::size_t needed_ = 0;
};

// The block, and its share of a pool.
class Arena {
 public:
  Arena() = default;

  // Errors   out_of_memory. `pool` outlives the arena.
  [[nodiscard]] static Result<Arena> create(const ArenaPlan& plan, Pool& pool) {
    Arena arena;
    arena.lease_ = Pool::Lease(pool);
    arena.block_.reset(static_cast<std::byte*>(::operator new[](
        std::max<std::size_t>(1, plan.bytes()), std::align_val_t{ArenaPlan::kAlignment},
        std::nothrow)));
    if (!arena.block_) {
      return Error{ErrorCode::kOutOfMemory,
                   "no memory for buffers of " +
                       memory_text(static_cast<std::int64_t>(plan.bytes()))};
    }
    arena.lease_.hold(static_cast<std::int64_t>(plan.bytes()),
                      static_cast<std::int64_t>(plan.needed()));
    arena.lease_.work();
    return arena;
  }

  // REQUIRES: an offset that the plan gave.
  [[nodiscard]] std::byte* at(std::size_t offset) const { return block_.get() + offset; }

 private:
  struct Free {
    void operator()(std::byte* block) const {
      ::operator delete[](block, std::align_val_t{ArenaPlan::kAlignment});
    }
  };
  Pool::Lease lease_;  // outlived by nothing of the block: both go together
  std::unique_ptr<std::byte[], Free> block_;
};

}  // namespace shoal
