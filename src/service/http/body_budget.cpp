#include "service/http/body_budget.h"

#include <algorithm>

#include "core/check.h"

namespace shoal {
namespace {

constexpr std::size_t kTimesFree = 3;
constexpr std::size_t kOpenPart = 8;

}  // namespace

bool BodyBudget::fits(const Owner& owner, std::size_t held, std::size_t more) const {
  const std::size_t used = in_use_.load();
  if (used == held) return true;  // the only one of all
  if (more > most_ || used > most_ - more) return false;
  const bool only_open = open_in_use_ == held;
  if (owner.open && !only_open && open_in_use_ + more > most_ / kOpenPart) return false;
  const auto found = of_clients_.find(owner.client);
  const std::size_t of_client = found == of_clients_.end() ? 0 : found->second;
  return of_client == held || of_client + more <= kTimesFree * (most_ - used - more);
}

bool BodyBudget::would_fit(const Owner& owner, std::size_t held, std::size_t more) const {
  const std::lock_guard lock(mutex_);
  return fits(owner, held, more);
}

bool BodyBudget::take(const Owner& owner, std::size_t held, std::size_t more) {
  const std::lock_guard lock(mutex_);
  if (!fits(owner, held, more)) return false;
  of_clients_[owner.client] += more;
  if (owner.open) open_in_use_ += more;
  peak_ = std::max(peak_, in_use_ += more);
  return true;
}

void BodyBudget::give(const Owner& owner, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  in_use_ -= bytes;
  if (owner.open) open_in_use_ -= bytes;
  const auto found = of_clients_.find(owner.client);
  found->second -= bytes;
  if (found->second == 0) of_clients_.erase(found);
}

bool BodyBudget::trim_due() {
  constexpr std::size_t kMuch = std::size_t{16} << 20;
  const std::lock_guard lock(mutex_);
  const std::size_t used = in_use_;
  if (peak_ < kMuch || used > peak_ / 4) return false;
  peak_ = used;
  return true;
}

void BodyLease::own(std::string client, bool open) {
  SHOAL_CHECK(held_ == 0, "a lease that holds bytes has an owner already");
  owner_ = {.client = std::move(client), .open = open};
}

bool BodyLease::fits(std::size_t more) const {
  return more == 0 || (budget_ != nullptr && budget_->would_fit(owner_, held_, more));
}

bool BodyLease::grow(std::size_t more) {
  if (more == 0) return true;
  SHOAL_CHECK(budget_ != nullptr, "a lease without a budget cannot grow");
  if (!budget_->take(owner_, held_, more)) return false;
  held_ += more;
  return true;
}

}  // namespace shoal
