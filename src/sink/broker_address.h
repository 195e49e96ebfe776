// Addresses of brokers as users write them, and when to call on one again that did not answer.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "shoal/result.h"

namespace shoal {

struct BrokerScheme {
  std::string_view name;  // "mqtts"
  int port = 0;           // where the address names none
  bool tls = false;
};

struct BrokerAddress {
  std::string host;  // without the brackets of IPv6
  int port = 0;
  bool tls = false;
};

// SCHEME://HOST[:PORT][/], "[::1]" for IPv6.
//
// Errors   kInvalidArgument: another scheme, no host, a bad port, a path, or a user (passwords
//          never stand in the configuration; the message does not repeat them).
[[nodiscard]] Result<BrokerAddress> parse_broker_address(std::string_view url,
                                                         std::span<const BrokerScheme> schemes);

// Attempts to connect: at least a second apart, twice as long as an attempt took, and up to half
// as much again at random, so that a broker that swallows packets costs a third of the time at
// most, and clients do not come back together.
class ConnectPace {
 public:
  [[nodiscard]] bool is_due(TimePoint now) const { return now >= next_; }
  void failed(TimePoint now, Duration took) {
    const Duration wait = std::max<Duration>(std::chrono::seconds(1), 2 * took);
    std::uniform_real_distribution<double> share(1.0, 1.5);
    next_ = now + std::chrono::duration_cast<Duration>(wait * share(random_));
  }

 private:
  TimePoint next_{};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace shoal
