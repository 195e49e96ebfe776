// Accounting of memory that Shoal allocates in bulk: a pool by name, leases that say what of it is
// held and by whom, and the figures that metrics show.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace shoal {

// A pool at one moment. Bytes.
struct PoolGauge {
  std::string_view name;            // static text
  std::int64_t used_bytes = 0;        // of what is at work now
  std::int64_t size_bytes = 0;        // held from the system, at work or waiting to be
  std::int64_t high_water_bytes = 0;  // most of size_bytes so far
  // Share of what is held that its last use did not need (grown buffers, padding), in [0, 1].
  double fragmentation = 0;

  // The sum of two pools; fragmentation weighted by size.
  void add(const PoolGauge& other) {
    const double waste = fragmentation * static_cast<double>(size_bytes) +
                         other.fragmentation * static_cast<double>(other.size_bytes);
    used_bytes += other.used_bytes;
    size_bytes += other.size_bytes;
    high_water_bytes += other.high_water_bytes;
    fragmentation = size_bytes > 0 ? waste / static_cast<double>(size_bytes) : 0;
  }
};

// Threads  all methods may be called from any thread; no locks. A gauge read meanwhile is some
//          moments' mixture, each figure right by itself.
class Pool {
 public:
  // One holder's part of the pool; gives it back when it ends. Lives in the object that holds the
  // memory, so that the two cannot part.
  //
  // Threads  one at a time.
  class Lease {
   public:
    Lease() = default;
    // An empty lease of `pool`, which outlives it.
    explicit Lease(Pool& pool) : pool_(&pool) {}
    Lease(Lease&& other) noexcept { swap(other); }
    Lease& operator=(Lease&& other) noexcept {
      Lease moved(std::move(other));
      swap(moved);
      return *this;
    }
    ~Lease() {
      idle();
      hold(0, 0);
    }

    // What the holder has from the system, and what of it its contents need. held >= needed.
    void hold(std::int64_t held, std::int64_t needed) {
      if (pool_ == nullptr || (held == held_ && needed == needed_)) return;
      if (at_work_) pool_->used_ += held - held_;
      pool_->needed_ += needed - needed_;
      pool_->resize(held - held_);
      held_ = held;
      needed_ = needed;
    }
    // At work: counted as used. Idle: waiting to be used again.
    void work() {
      if (pool_ != nullptr && !at_work_) pool_->used_ += held_;
      at_work_ = true;
    }
    void idle() {
      if (pool_ != nullptr && at_work_) pool_->used_ -= held_;
      at_work_ = false;
    }
    [[nodiscard]] std::int64_t held() const { return held_; }

   private:
    void swap(Lease& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(held_, other.held_);
      std::swap(needed_, other.needed_);
      std::swap(at_work_, other.at_work_);
    }

    Pool* pool_ = nullptr;
    std::int64_t held_ = 0;
    std::int64_t needed_ = 0;
    bool at_work_ = false;
  };

  // `name` is static text.
  explicit Pool(std::string_view name) : name_(name) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  [[nodiscard]] PoolGauge gauge() const {
    const std::int64_t size = size_;
    const double needed = static_cast<double>(needed_.load());
    return {.name = name_,
            .used_bytes = used_,
            .size_bytes = size,
            .high_water_bytes = high_water_,
            .fragmentation =
                size > 0 ? std::clamp(1 - needed / static_cast<double>(size), 0.0, 1.0) : 0};
  }

 private:
  void resize(std::int64_t change) {
    const std::int64_t size = size_ += change;
    std::int64_t seen = high_water_;
    while (seen < size && !high_water_.compare_exchange_weak(seen, size)) {
    }
  }

  const std::string_view name_;
  std::atomic<std::int64_t> used_{0};
  std::atomic<std::int64_t> size_{0};
  std::atomic<std::int64_t> needed_{0};
  std::atomic<std::int64_t> high_water_{0};
};

}  // namespace shoal
