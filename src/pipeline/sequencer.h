// Puts answers back into the order of the inputs, whatever finishes first.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/check.h"
#include "core/request.h"

namespace shoal {

// Holds at most as many answers as there are requests in flight: the window.
//
// Threads  complete() and end_at() by any thread; next() by one.
class Sequencer final : public Completion {
 public:
  explicit Sequencer(std::size_t window) : slots_(window) {}

  void complete(std::unique_ptr<Request> request) noexcept override {
    // Notified under the lock: who takes the last answer may destroy this object.
    const std::lock_guard lock(mutex_);
    const std::uint64_t sequence = request->sequence;
    SHOAL_CHECK(sequence >= next_ && sequence < next_ + slots_.size(),
                "an answer within the window of requests in flight, given once");
    slots_[sequence % slots_.size()] = std::move(request);
    if (sequence == next_) ready_.notify_one();
  }

  // No answer has a sequence number of `count` or above.
  void end_at(std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    end_ = count;
    ready_.notify_one();
  }

  enum class Wait : std::uint8_t { kAnswer, kEnd, kTimeout };

  // Waits up to `patience` for the next answer in order.
  [[nodiscard]] Wait next(std::unique_ptr<Request>& request, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    const auto here = [this] { return slots_[next_ % slots_.size()] != nullptr || next_ == end_; };
    if (!ready_.wait_for(lock, patience, here)) return Wait::kTimeout;
    if (next_ == end_) return Wait::kEnd;
    request = std::move(slots_[next_ % slots_.size()]);
    ++next_;
    return Wait::kAnswer;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::unique_ptr<Request>> slots_;
  std::uint64_t next_ = 0;
  std::optional<std::uint64_t> end_;
};

}  // namespace shoal
