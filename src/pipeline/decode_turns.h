// Which camera decodes next where there are more than cores: as many frames for each as the time
// allows, however long a frame of it takes. Left to the kernel, a 4K camera with one frame a second
// is starved by 720p ones with 25, whose frames nobody needs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "core/request.h"

namespace shoal {

// Start-time fair queueing (Goyal, Vin, Cheng 1996) with packets for work: a camera with fewer
// packets than its share goes before the others, one that was idle saves nothing up.
//
// Threads  all methods by any; an Account by one at a time.
// Cost     a lock where nobody waits; allocates nothing once each camera has waited once.
class DecodeTurns {
 public:
  explicit DecodeTurns(int at_once);
  ~DecodeTurns() = default;
  DecodeTurns(const DecodeTurns&) = delete;
  DecodeTurns& operator=(const DecodeTurns&) = delete;

  // Of one camera.
  class Account {
   public:
    // High has twice the turns of normal where there are not enough, low half of them.
    explicit Account(Priority priority) : cost_(std::uint64_t{1} << static_cast<int>(priority)) {}

   private:
    friend class DecodeTurns;
    std::uint64_t cost_;
    std::uint64_t start_ = 0;  // in virtual time: of its last turn
    std::uint64_t end_ = 0;
  };

  // The right to use a core; keep it only while it is used.
  class Turn {
   public:
    explicit Turn(DecodeTurns& turns) : turns_(&turns) {}
    ~Turn() { if (turns_ != nullptr) turns_->give_back(); }
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;

   private:
    DecodeTurns* turns_;
  };

  // For one packet. Waits for those that come first.
  [[nodiscard]] Turn take(Account& account);
  // For what follows from the packet of the last turn: it comes before others' next packets.
  [[nodiscard]] Turn go_on(Account& account);

 private:
  struct Waiter {
    std::uint64_t start;
    bool admitted = false;
    std::condition_variable wake;
  };
  [[nodiscard]] Turn wait_until(std::unique_lock<std::mutex>& lock, std::uint64_t start);
  void give_back();

  std::mutex mutex_;
  int free_;
  std::uint64_t now_ = 0;  // virtual: the start of the newest turn
  std::vector<Waiter*> waiting_;  // in order of arrival
};

}  // namespace shoal
