// The bytes of all request bodies in memory: a bound, leases that hold a share of it, and the
// moment when freed memory should go back to the system.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace shoal {

// Threads  all methods from any thread.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t most) : most_(most) {}

  [[nodiscard]] std::size_t in_use() const { return in_use_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t most() const { return most_; }
  // True once after much was held and most of it is gone: malloc keeps freed pages until told.
  [[nodiscard]] bool trim_due();

 private:
  friend class BodyLease;
  // A body that is alone always fits: the bound is on many at once.
  [[nodiscard]] bool fits(std::size_t used, std::size_t held, std::size_t more) const {
    return used == held || (more <= most_ && used <= most_ - more);
  }
  [[nodiscard]] bool take(std::size_t held, std::size_t more);
  void give(std::size_t bytes) { in_use_.fetch_sub(bytes); }

  const std::size_t most_;
  std::atomic<std::size_t> in_use_ = 0;
  std::atomic<std::size_t> peak_ = 0;  // since the last trim
};

// A share of the budget, given back when it goes. One thread at a time.
class BodyLease {
 public:
  BodyLease() = default;
  explicit BodyLease(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyLease(BodyLease&& other) noexcept
      : budget_(std::move(other.budget_)), held_(std::exchange(other.held_, 0)) {}
  BodyLease& operator=(BodyLease&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(held_, other.held_);
    return *this;
  }
  ~BodyLease() {
    if (budget_ != nullptr && held_ > 0) budget_->give(held_);
  }

  // Whether grow(more) would be granted now.
  [[nodiscard]] bool fits(std::size_t more) const;
  // False: the bound would be passed; nothing has changed.
  [[nodiscard]] bool grow(std::size_t more);
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  std::shared_ptr<BodyBudget> budget_;
  std::size_t held_ = 0;
};

}  // namespace shoal
