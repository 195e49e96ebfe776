#include "pipeline/decode_turns.h"

#include <algorithm>

namespace shoal {

DecodeTurns::DecodeTurns(int at_once) : free_(std::max(1, at_once)) {}

DecodeTurns::Turn DecodeTurns::take(Account& account) {
  std::unique_lock lock(mutex_);
  account.start_ = std::max(now_, account.end_);
  account.end_ = account.start_ + account.cost_;
  return wait_until(lock, account.start_);
}

DecodeTurns::Turn DecodeTurns::go_on(Account& account) {
  std::unique_lock lock(mutex_);
  return wait_until(lock, account.start_);
}

DecodeTurns::Turn DecodeTurns::wait_until(std::unique_lock<std::mutex>& lock, std::uint64_t start) {
  if (free_ > 0) {
    --free_;
    now_ = std::max(now_, start);
    return Turn(*this);
  }
  Waiter waiter{.start = start, .wake = {}};
  waiting_.push_back(&waiter);
  waiter.wake.wait(lock, [&] { return waiter.admitted; });
  return Turn(*this);
}

void DecodeTurns::give_back() {
  const std::lock_guard lock(mutex_);
  const auto next = std::min_element(
      waiting_.begin(), waiting_.end(),
      [](const Waiter* a, const Waiter* b) { return a->start < b->start; });
  if (next == waiting_.end()) {
    ++free_;
    return;
  }
  Waiter& waiter = **next;
  waiting_.erase(next);
  now_ = std::max(now_, waiter.start);
  waiter.admitted = true;
  waiter.wake.notify_one();  // under the lock: the waiter may be gone right after
}

}  // namespace shoal
