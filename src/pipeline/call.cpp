#include "pipeline/call.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/memory_guard.h"

namespace shoal {
namespace {

// Pictures of this size come and go; larger ones must not stay in the pool for good.
constexpr std::size_t kPixelsKept = std::size_t{16} << 20;  // bytes

// What the client gets; the request keeps its buffers. Detections that there is no memory for are
// an error to try again after.
CallItem answer_of(Request& request) noexcept {
  Outcome& from = request.outcome;
  CallItem item;
  Outcome& to = item.outcome;
  to.size = from.size;
  to.error = std::move(from.error);
  to.damaged = std::move(from.damaged);
  try {
    to.detections.items.assign(from.detections.items.begin(), from.detections.items.end());
  } catch (const std::bad_alloc&) {
    to.error = try_again_later(out_of_memory("keeping an answer"));
  }
  to.detections.truncated = from.detections.truncated;
  to.batch_size = from.batch_size;
  to.batch = from.batch;
  to.padding = from.padding;
  to.times = from.times;
  if (request.keep_pixels) {
    to.pixels = std::move(from.pixels);
  } else if (from.pixels.pixels.capacity() > kPixelsKept) {
    from.pixels.pixels = PixelBuffer();
  }
  item.tensors = std::move(request.tensor_out);
  request.tensor_out.clear();
  return item;
}

void log_failure(const std::exception& error) noexcept {
  try {
    log(LogLevel::kError, "host", "an answer could not be handed over: {}", error.what());
  } catch (const std::exception&) {  // no memory for the line either
  }
}

}  // namespace

Call::Call(Parts parts)
    : parts_(std::move(parts)), cancelled_(std::make_shared<std::atomic<bool>>(false)) {
  items_.resize(parts_.count);
  idle_.reserve(std::min(parts_.count, parts_.runner->requests().size()));
}

void Call::start(std::vector<std::unique_ptr<Request>> requests) {
  const std::shared_ptr<Call> alive = shared_from_this();
  self_ = alive;
  requests_ = requests.size();
  for (auto& request : requests) feed(std::move(request));
  leave();
}

void Call::complete(std::unique_ptr<Request> request) noexcept {
  const std::shared_ptr<Call> alive = shared_from_this();
  const TimePoint answered = Clock::now();
  parts_.runner->record(*request, parts_.options, answered);
  collect(*request);
  feed(std::move(request));
  leave();
}

// Whoever leaves last answers: nothing is in flight then, and no other thread is in here.
void Call::leave() {
  {
    const std::lock_guard lock(mutex_);
    if (++left_ < parts_.count + 1) return;
  }
  CallRunner* runner = parts_.runner;
  const SourceKey source = parts_.options.source;
  const std::size_t requests = requests_;
  try {
    parts_.done(std::move(items_));
  } catch (const std::exception& error) {
    // The door could not answer and has said so, or its client hears that it was dropped.
    log_failure(error);
  }
  parts_.done = nullptr;
  parts_.owner.reset();
  self_.reset();
  runner->finished(source, requests);
}

void Call::collect(Request& request) { items_[request.sequence] = answer_of(request); }

// Starts the next item, if there is one, with this request; else gives it back. An item that is
// answered at once comes back here by complete() before begin() returns: the loop takes it, so
// that a call of thousands of broken pictures does not nest thousands of calls.
void Call::feed(std::unique_ptr<Request> request) {
  std::unique_lock lock(mutex_);
  idle_.push_back(std::move(request));
  if (feeding_) return;
  feeding_ = true;
  while (!idle_.empty()) {
    std::unique_ptr<Request> free = std::move(idle_.back());
    idle_.pop_back();
    const std::size_t item = next_;
    if (item < parts_.count) ++next_;
    lock.unlock();
    if (item < parts_.count) {
      begin(std::move(free), item);
    } else {
      parts_.runner->requests().release(std::move(free));
    }
    lock.lock();
  }
  feeding_ = false;
}

void Call::begin(std::unique_ptr<Request> request, std::size_t item) noexcept {
  RequestPool::renew(*request);
  request->sequence = item;
  request->priority = parts_.options.priority;
  request->source = parts_.options.source;
  request->confidence = parts_.options.confidence;
  request->keep_pixels = parts_.options.keep_pixels;
  request->cancelled = cancelled_.get();
  request->completion = this;
  request->started = Clock::now();
  request->deadline = parts_.options.deadline;
  if (!request->deadline) request->start_by = request->started + parts_.timeout;
  try {
    request->packet.name = "picture";
    if (parts_.count > 1) request->packet.name += " " + std::to_string(item + 1);
    parts_.load(*request, item);
  } catch (const std::bad_alloc&) {
    request->outcome.error = try_again_later(out_of_memory("taking a picture"));
  }
  parts_.runner->launch(std::move(request));
}

}  // namespace shoal
