// The bytes of all request bodies in memory: a bound, what each client may have of it, leases that
// hold a share of it, and the moment when freed memory should go back to the system.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace shoal {

// A client (an address) may have three times what is free. So one alone gets three quarters, each
// further one less, and there is always something left for the next. Those who have not shown a key
// have an eighth together. A body that is the only one of its kind always fits: of all, of its
// client, of those without a key; the bounds are on many at once.
//
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
  struct Owner {
    std::string client;
    bool open = false;  // without a key
  };
  // Under mutex_.
  [[nodiscard]] bool fits(const Owner& owner, std::size_t held, std::size_t more) const;
  [[nodiscard]] bool would_fit(const Owner& owner, std::size_t held, std::size_t more) const;
  [[nodiscard]] bool take(const Owner& owner, std::size_t held, std::size_t more);
  void give(const Owner& owner, std::size_t bytes);

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::atomic<std::size_t> in_use_ = 0;  // written under mutex_
  // Guarded by mutex_.
  std::size_t open_in_use_ = 0;
  std::unordered_map<std::string, std::size_t> of_clients_;  // who has none is not in it
  std::size_t peak_ = 0;                                     // since the last trim
};

// A share of the budget, given back when it goes. One thread at a time.
class BodyLease {
 public:
  BodyLease() = default;
  explicit BodyLease(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyLease(BodyLease&& other) noexcept
      : budget_(std::move(other.budget_)),
        owner_(std::move(other.owner_)),
        held_(std::exchange(other.held_, 0)) {}
  BodyLease& operator=(BodyLease&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(owner_, other.owner_);
    std::swap(held_, other.held_);
    return *this;
  }
  ~BodyLease() {
    if (budget_ != nullptr && held_ > 0) budget_->give(owner_, held_);
  }

  // Whose body it is; `open`: no key was shown. REQUIRES that nothing is held yet.
  void own(std::string client, bool open);
  // Whether grow(more) would be granted now.
  [[nodiscard]] bool fits(std::size_t more) const;
  // False: a bound would be passed; nothing has changed.
  [[nodiscard]] bool grow(std::size_t more);
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  std::shared_ptr<BodyBudget> budget_;
  BodyBudget::Owner owner_;
  std::size_t held_ = 0;
};

}  // namespace shoal
