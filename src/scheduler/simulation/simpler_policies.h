// What the scheduler is compared with: three batchers as one finds them elsewhere. They know no
// priorities, sources, run times or admission; what has expired when its turn comes is dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "scheduler/simulation/simulator.h"

namespace shoal {

enum class SimplerPolicy : std::uint8_t {
  kNoBatching,   // first in, first out, one at a time
  kFixedBatch,   // a queue a bucket; launches a full batch, or what there is after queue_delay
  kFirstInFirstOut,  // one queue; a batch closes full, after queue_delay, or at another shape
};
inline constexpr std::size_t kSimplerPolicyCount = 3;

[[nodiscard]] std::string_view to_string(SimplerPolicy policy);

class SimplerScheduler final : public SimulatedScheduler {
 public:
  SimplerScheduler(SimplerPolicy kind, const BatcherOptions& options);

  Admission admit(const Request& request, TimePoint now) const override;
  Pushed submit(std::unique_ptr<Request>& request, TimePoint now) override;
  void idle(LaneKind kind) override;
  void busy(LaneKind kind) override;
  Decision ask(Batch& batch, LaneKind kind, TimePoint now) override;
  Wake wake() const override;
  void learn(std::size_t, int, Duration, LaneKind, TimePoint) override {}
  void limit_batch(std::size_t, int) override {}
  void close() override { closed_ = true; }

 private:
  using Queue = std::deque<std::unique_ptr<Request>>;
  [[nodiscard]] std::size_t queue_of(const Request& request) const;
  // How many of the queue's first are one batch, and whether no more can come to it.
  struct Front {
    std::size_t count = 0;
    bool closed = false;
  };
  [[nodiscard]] Front front_of(const Queue& queue, TimePoint now) const;
  void drop_expired(Queue& queue, Batch& batch, TimePoint now);

  const SimplerPolicy kind_;
  const BatcherOptions options_;
  std::vector<Queue> queues_;  // one a bucket for kFixedBatch, else one
  std::size_t waiting_ = 0;
  int idle_ = 0;
  bool closed_ = false;
};

}  // namespace shoal
