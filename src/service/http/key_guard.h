// Who shows wrong keys is answered later each time, and the log tells of it now and then.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"

namespace shoal {

// Remembers a bounded number of addresses, for some minutes. A right key is never held up: it may
// come from the same address, of a proxy.
//
// Threads  all methods from any thread.
class KeyGuard {
 public:
  explicit KeyGuard(std::string_view door) : door_(door) {}
  // `client` has shown a wrong key: for how long the refusal is to be held back. The first few cost
  // nothing; then it doubles, to a second.
  [[nodiscard]] Duration wrong(const std::string& client, TimePoint now);

  static constexpr std::size_t kClientsMax = 4096;
  [[nodiscard]] std::size_t clients() const;

 private:
  struct Client {
    std::string address;
    int count = 0;
    TimePoint last;
  };
  using Clients = std::list<Client>;
  void report(const Client& client, TimePoint now);

  const std::string_view door_;  // of the log's lines
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Clients clients_;  // who was wrong last is first
  std::unordered_map<std::string_view, Clients::iterator> known_;  // by address
  std::uint64_t unreported_ = 0;
  TimePoint reported_;
  bool silent_ = true;  // nothing was reported yet
};

}  // namespace shoal
