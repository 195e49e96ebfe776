#include "pipeline/decode_pool.h"

#include <pthread.h>

#include <utility>

#include "core/memory_guard.h"

namespace shoal {

DecodePool::DecodePool(LanePool& lanes, const DecodePoolOptions& options)
    : lanes_(lanes), options_(options), queue_(options.queue_limit) {
  for (int i = 0; i < options.threads; ++i) {
    threads_.emplace_back([this, i] {
      pthread_setname_np(pthread_self(), ("decode-" + std::to_string(i)).c_str());
      serve();
    });
  }
}

DecodePool::~DecodePool() { close(); }

void DecodePool::submit(std::unique_ptr<Request> request) {
  if (queue_.push(std::move(request), Overflow::kBlock) == Pushed::kClosed) {
    answer(std::move(request), error_or_short(ErrorCode::kCancelled, "shutting down"));
  }
}

void DecodePool::close() {
  queue_.close();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void DecodePool::serve() {
  PictureDecoder decoder;
  Histogram times;
  DecodeOptions options{.limits = options_.limits, .buckets = {}};
  if (options_.scaled) {
    options.buckets = lanes_.engine().buckets();
    options.placement = lanes_.engine().model().input.placement;
  }
  while (auto next = queue_.pop()) {
    std::unique_ptr<Request> request = std::move(*next);
    request->started = Clock::now();
    if (request->is_cancelled()) {
      answer(std::move(request), error_or_short(ErrorCode::kCancelled, "the caller went away"));
      continue;
    }
    Frame& frame = request->outcome.pixels;
    const std::span<const std::uint8_t> bytes =
        request->borrowed.empty() ? std::span<const std::uint8_t>(request->packet.bytes)
                                  : request->borrowed;
    auto report = decoder.decode(frame, bytes, request->packet.name, options);
    request->outcome.times.decode = Clock::now() - request->started;
    if (!report) {
      request->outcome.times.total = request->outcome.times.decode;
      Error error = std::move(report).error();
      const bool too_large = error.code == ErrorCode::kOutOfMemory &&
                             PictureDecoder::is_too_large(bytes, options_.limits);
      answer(std::move(request), too_large ? std::move(error) : try_again_later(std::move(error)));
      continue;
    }
    times.add(request->outcome.times.decode);
    request->outcome.damaged = std::move(report->damaged);
    lanes_.submit(std::move(request), Overflow::kBlock);
  }
  const std::lock_guard lock(mutex_);
  times_.merge(times);
}

}  // namespace shoal
