#include "service/http/body_budget.h"

#include "core/check.h"

namespace shoal {

bool BodyBudget::take(std::size_t held, std::size_t more) {
  std::size_t used = in_use_.load();
  do {
    if (!fits(used, held, more)) return false;
  } while (!in_use_.compare_exchange_weak(used, used + more));
  std::size_t peak = peak_.load();
  while (peak < used + more && !peak_.compare_exchange_weak(peak, used + more)) {
  }
  return true;
}

bool BodyBudget::trim_due() {
  constexpr std::size_t kMuch = std::size_t{16} << 20;
  const std::size_t peak = peak_.load();
  const std::size_t used = in_use_.load();
  if (peak < kMuch || used > peak / 4) return false;
  peak_.store(used);
  return true;
}

bool BodyLease::fits(std::size_t more) const {
  return more == 0 || (budget_ != nullptr && budget_->fits(budget_->in_use(), held_, more));
}

bool BodyLease::grow(std::size_t more) {
  if (more == 0) return true;
  SHOAL_CHECK(budget_ != nullptr, "a lease without a budget cannot grow");
  if (!budget_->take(held_, more)) return false;
  held_ += more;
  return true;
}

}  // namespace shoal
