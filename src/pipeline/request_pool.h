// A fixed number of Requests: the bound on everything in flight. Who wants to start a picture
// takes one and waits where none is free, so memory does not depend on how many pictures there are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/bounded_queue.h"
#include "core/check.h"
#include "core/request.h"

namespace shoal {

// Threads  all methods may be called from any thread.
// Cost     one lock a call; the buffers inside the requests grow to the largest picture seen.
class RequestPool {
 public:
  RequestPool(std::size_t count, std::size_t detections_max) : free_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      auto request = std::make_unique<Request>();
      request->slot = static_cast<std::uint32_t>(i);
      request->outcome.detections.items.reserve(detections_max);
      free_.push(std::move(request), Overflow::kReject);
    }
  }

  // Waits for a free request.
  [[nodiscard]] std::unique_ptr<Request> acquire() {
    auto request = free_.pop();
    SHOAL_CHECK(request.has_value(), "the pool's queue is never closed");
    return renewed(std::move(*request));
  }
  // nullptr where none is free.
  [[nodiscard]] std::unique_ptr<Request> try_acquire() {
    auto request = free_.try_pop();
    return request ? renewed(std::move(*request)) : nullptr;
  }
  // Forgets what the request was used for; its buffers stay.
  static void renew(Request& request) {
    Outcome& outcome = request.outcome;
    outcome.error.reset();
    outcome.damaged.reset();
    outcome.media_time.reset();
    outcome.detections.items.clear();
    outcome.detections.truncated = false;
    outcome.size = {};
    outcome.batch_size = 0;
    outcome.batch = {};
    outcome.padding = 0;
    outcome.times = {};
    request.deadline.reset();
    request.work = Work::kPixels;
    request.priority = Priority::kNormal;
    request.source = 0;
    request.borrowed = {};
    request.keep_pixels = false;
    request.confidence.reset();
    request.cancelled = nullptr;
  }
  void release(std::unique_ptr<Request> request) {
    free_.push(std::move(request), Overflow::kReject);
  }
  [[nodiscard]] std::size_t size() const { return free_.capacity(); }
  [[nodiscard]] std::size_t free_count() const { return free_.size(); }

 private:
  static std::unique_ptr<Request> renewed(std::unique_ptr<Request> request) {
    renew(*request);
    return request;
  }

  BoundedQueue<std::unique_ptr<Request>> free_;
};

}  // namespace shoal
