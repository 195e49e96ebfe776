// A fixed number of Requests: the bound on everything in flight. Who wants to start a picture
// takes one and waits where none is free, so memory does not depend on how many pictures there are.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/pool.h"
#include "core/request.h"

namespace shoal {

// The request that came back last goes out first: its buffers are warm, and where few are in flight
// only those few have grown.
//
// Threads  all methods may be called from any thread.
// Cost     one lock a call; the buffers inside the requests grow to the largest picture seen, but
//          for enormous ones, which are given back (kBytesKept).
class RequestPool {
 public:
  // A buffer of more bytes is not kept for the next request. A frame of 4K has 24.9 MB.
  static constexpr std::size_t kBytesKept = std::size_t{32} << 20;

  RequestPool(std::size_t count, std::size_t detections_max) : count_(count) {
    free_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      auto request = std::make_unique<Request>();
      request->slot = static_cast<std::uint32_t>(count - 1 - i);
      request->memory = Pool::Lease(pool_);
      request->outcome.detections.items.reserve(detections_max);
      account(*request);
      free_.push_back(std::move(request));
    }
  }

  // Waits for a free request.
  [[nodiscard]] std::unique_ptr<Request> acquire() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return !free_.empty(); });
    return take_locked();
  }
  // nullptr where none is free.
  [[nodiscard]] std::unique_ptr<Request> try_acquire() {
    const std::lock_guard lock(mutex_);
    return free_.empty() ? nullptr : take_locked();
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
    request.start_by.reset();
    request.work = Work::kPixels;
    request.priority = Priority::kNormal;
    request.source = {};
    request.group = 0;
    request.borrowed = {};
    request.keep_pixels = false;
    request.confidence.reset();
    request.supply = nullptr;
    request.cancelled = nullptr;
  }
  void release(std::unique_ptr<Request> request) {
    shed(*request);
    account(*request);
    request->memory.idle();
    // Notified under the lock: who takes the last request may destroy the pool.
    const std::lock_guard lock(mutex_);
    SHOAL_CHECK(free_.size() < count_, "a request comes back once");
    free_.push_back(std::move(request));
    freed_.notify_one();
  }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t free_count() const {
    const std::lock_guard lock(mutex_);
    return free_.size();
  }
  // What the requests' buffers hold, in flight and free.
  [[nodiscard]] PoolGauge gauge() const { return pool_.gauge(); }

 private:
  std::unique_ptr<Request> take_locked() {
    auto request = std::move(free_.back());
    free_.pop_back();
    renew(*request);
    request->memory.work();
    return request;
  }

  static void shed(Request& request) {
    if (request.outcome.pixels.pixels.capacity() > kBytesKept) {
      request.outcome.pixels.pixels = PixelBuffer();
    }
    if (request.packet.bytes.capacity() > kBytesKept) {
      std::vector<std::uint8_t>().swap(request.packet.bytes);
    }
  }

  static void account(Request& request) {
    const Frame& frame = request.outcome.pixels;
    // Planned for the most detections, so all of it is needed.
    const std::size_t detections =
        request.outcome.detections.items.capacity() * sizeof(Detection);
    std::size_t held = frame.pixels.capacity() + request.packet.bytes.capacity() + detections;
    std::size_t needed = std::min(frame.pixels.capacity(),
                                  static_cast<std::size_t>(frame.pitch_bytes) *
                                      static_cast<std::size_t>(frame.size.height)) +
                         request.packet.bytes.size() + detections;
    for (const RawOutput& output : request.tensor_out) {
      held += output.values.capacity() * sizeof(float);
      needed += output.values.size() * sizeof(float);
    }
    request.memory.hold(static_cast<std::int64_t>(held), static_cast<std::int64_t>(needed));
  }

  const std::size_t count_;
  Pool pool_{"requests"};  // outlives the requests
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Request>> free_;  // guarded by mutex_; the last one goes out next
};

}  // namespace shoal
