// Holds back the frames of cameras that want to be seen together until all of them have one, or the
// first has waited for its `align_ms`, and then offers them as one group.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/clock.h"

namespace shoal {

// Who waits: by number, so that it is pure. Time is passed in.
//
// Threads  one at a time.
class AlignWindow {
 public:
  struct Member {
    std::uint64_t number = 0;
    Duration window{};
    TimePoint last_seen{};
    bool waiting = false;
    TimePoint since{};  // when it began to wait
  };

  void add(std::uint64_t number, Duration window);
  void remove(std::uint64_t number);
  // It has a frame.
  void ready(std::uint64_t number, TimePoint now);

  // When what waits has to go, at the latest; now, where all that are alive have one. Empty where
  // nothing waits. A member without a frame for `kAlive` is not waited for.
  [[nodiscard]] std::optional<TimePoint> due(TimePoint now) const;
  // Those that wait, who then do no more.
  void take(std::vector<std::uint64_t>& numbers);

  static constexpr Duration kAlive = std::chrono::seconds(2);

 private:
  std::vector<Member> members_;
};

class FrameSlot;

// Threads  all methods by any thread.
class FrameAligner {
 public:
  FrameAligner() = default;
  ~FrameAligner();
  FrameAligner(const FrameAligner&) = delete;
  FrameAligner& operator=(const FrameAligner&) = delete;

  // `slot` outlives its membership. The first member starts the thread.
  void add(FrameSlot& slot, Duration window);
  void remove(FrameSlot& slot);  // waits for an offer that is being made
  void ready(FrameSlot& slot);

 private:
  void run();

  std::mutex offering_;  // held while slots are offered
  std::mutex mutex_;     // guards what follows
  std::condition_variable wake_;
  AlignWindow window_;
  std::vector<FrameSlot*> slots_;
  bool stop_ = false;
  std::uint64_t groups_ = 0;
  std::thread thread_;
};

}  // namespace shoal
