// The unit of work: one picture on its way from a door to its answer. Requests are pooled: one
// object carries the encoded bytes, the pixels and the answer, and is used again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/clock.h"
#include "core/outcome.h"
#include "core/packet.h"
#include "shoal/geometry.h"

namespace shoal {

struct Request;

// Who is told. complete() is called exactly once for a request, on any thread; it owns it then.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void complete(std::unique_ptr<Request> request) noexcept = 0;
};

struct Request {
  std::uint32_t slot = 0;      // its number in its pool, for life
  std::uint64_t sequence = 0;  // position in the order of inputs
  Packet packet;               // what the source read; unused where pixels were handed in
  Outcome outcome;             // its `pixels` are the picture
  std::size_t bucket = 0;      // index into the engine's buckets
  Letterbox geometry;          // of `bucket`
  TimePoint started;           // when decoding began
  TimePoint queued;            // when it entered the scheduler
  std::optional<TimePoint> deadline;
  Completion* completion = nullptr;  // outlives the request's flight
};

// Answers the request. The request is gone afterwards.
inline void answer(std::unique_ptr<Request> request) noexcept {
  Completion* completion = request->completion;
  completion->complete(std::move(request));
}

// Answers with an error instead of detections.
inline void answer(std::unique_ptr<Request> request, Error error) noexcept {
  request->outcome.detections.items.clear();
  request->outcome.error = std::move(error);
  answer(std::move(request));
}

}  // namespace shoal
