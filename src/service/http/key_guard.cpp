#include "service/http/key_guard.h"

#include <algorithm>

#include "core/log.h"

namespace shoal {
namespace {

constexpr int kFree = 3;  // wrong keys that cost nothing: a typing mistake
constexpr std::chrono::milliseconds kStep{25};
constexpr std::chrono::milliseconds kMost{1000};
constexpr std::chrono::minutes kForgotten{5};
constexpr std::chrono::seconds kReportEvery{10};

}  // namespace

Duration KeyGuard::wrong(const std::string& client, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(client);
  if (found != known_.end()) {
    clients_.splice(clients_.begin(), clients_, found->second);
  } else {
    if (clients_.size() == kClientsMax) {
      known_.erase(clients_.back().address);
      clients_.pop_back();
    }
    clients_.push_front({.address = client, .count = 0, .last = now});
    known_.emplace(clients_.front().address, clients_.begin());
  }
  Client& one = clients_.front();
  if (now - one.last > kForgotten) one.count = 0;
  one.last = now;
  ++one.count;
  report(one, now);
  if (one.count <= kFree) return Duration::zero();
  const int doublings = std::min(one.count - kFree - 1, 10);
  return std::min<Duration>(kStep * (1 << doublings), kMost);
}

void KeyGuard::report(const Client& client, TimePoint now) {
  ++unreported_;
  if (!silent_ && now - reported_ < kReportEvery) return;
  log(LogLevel::kWarn, door_, "wrong API keys: {} since the last such line; the latest from {}, its"
      " number {}", unreported_, client.address, client.count);
  unreported_ = 0;
  reported_ = now;
  silent_ = false;
}

std::size_t KeyGuard::clients() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

}  // namespace shoal
