// The unit of work: one picture (or one raw tensor) on its way from a door to its answer. Requests
// are pooled: one object carries the encoded bytes, the pixels and the answer, and is used again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/outcome.h"
#include "core/packet.h"
#include "core/pool.h"
#include "core/source_key.h"
#include "core/tensor.h"
#include "shoal/geometry.h"

namespace shoal {

struct Request;

// Who is told. complete() is called exactly once for a request, on any thread; it owns it then.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void complete(std::unique_ptr<Request> request) noexcept = 0;
};

// Which turn a request gets. Every one but kRealtime ages: see Policy::priority_ageing.
enum class Priority : std::uint8_t {
  kRealtime,  // launched at once, alone, on the lane that is kept free for it
  kHigh,
  kNormal,
  kLow,
};
inline constexpr std::size_t kPriorityCount = 4;

[[nodiscard]] constexpr std::string_view to_string(Priority priority) {
  switch (priority) {
    case Priority::kRealtime: return "realtime";
    case Priority::kHigh: return "high";
    case Priority::kNormal: return "normal";
    case Priority::kLow: return "low";
  }
  return "normal";
}

// What the lane has to do with the request.
enum class Work : std::uint8_t {
  kPixels,   // outcome.pixels are decoded: letterbox, network, boxes
  kEncoded,  // packet holds a picture file: decode first, in the lane
  kTensor,   // tensor_in is the network's input as it is: the raw outputs are the answer
  kNewest,   // the supply gives pixels once a lane has time for them: a camera's newest frame
};

// Gives a kNewest request its picture at the last moment, so that what waits for a lane is a turn
// and not a frame that grows old.
class PictureSupply {
 public:
  virtual ~PictureSupply() = default;
  // On the lane's thread, exactly once a launch: swaps a picture into request.outcome.pixels, sets
  // outcome.frame, media_time, times.decode, started (when its decoding began) and queued (when it
  // was ready, if that is later). False: there is none any more; the answer is kCancelled.
  [[nodiscard]] virtual bool supply(Request& request) noexcept = 0;
};

// One output of a kTensor request, copied out of the lane. Recycled.
struct RawOutput {
  Shape shape;  // of one item: no batch axis
  std::vector<float> values;
};

struct Request {
  std::uint32_t slot = 0;      // its number in its pool, for life
  std::uint64_t sequence = 0;  // position in the order of inputs
  Work work = Work::kPixels;
  Priority priority = Priority::kNormal;
  SourceKey source;  // within a priority, sources take turns
  // Not 0: wants to be in the batch of the others with this number, where there is room: frames of
  // several cameras that were captured together.
  std::uint64_t group = 0;
  Packet packet;               // what the source read; unused where pixels were handed in
  // kEncoded, kTensor: the input's bytes, kept alive by whoever waits for the completion.
  std::span<const std::uint8_t> borrowed;
  bool keep_pixels = false;    // kEncoded: the completion reads outcome.pixels
  std::optional<float> confidence;  // only detections above it; not below the lanes' own
  std::vector<RawOutput> tensor_out;  // kTensor: the answer
  Outcome outcome;             // its `pixels` are the picture
  std::size_t bucket = 0;      // index into the engine's buckets
  Letterbox geometry;          // of `bucket`
  TimePoint started;           // when decoding began, or the request came
  TimePoint queued;            // when it entered the scheduler
  std::optional<TimePoint> deadline;  // an answer later than this is worth nothing
  // Not begun by then: not begun at all, however long the run itself would take. Where there is
  // none, the deadline less the time that the run is known to take.
  std::optional<TimePoint> start_by;
  // What its scheduler expected when it was queued: the wait for a lane, and whether it waits
  // behind others of its source.
  struct Foreseen {
    Duration wait{};
    bool behind_own = false;
  } foreseen;
  PictureSupply* supply = nullptr;    // kNewest; outlives the request's flight
  // Set by somebody else, at any time: nobody waits any more. What has not reached the network is
  // then answered with kCancelled. Outlives the request's flight; nullptr: never.
  const std::atomic<bool>* cancelled = nullptr;
  Completion* completion = nullptr;  // outlives the request's flight
  Pool::Lease memory;  // of its pool: what its buffers hold

  [[nodiscard]] bool is_cancelled() const {
    return cancelled != nullptr && cancelled->load(std::memory_order_relaxed);
  }
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
