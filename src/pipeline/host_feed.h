// A camera's way into a model: one request that goes round and round, so that nothing is allocated
// a frame, whose picture is fetched when a lane has time for it. Calls (model_host.h) are for
// clients that want an answer to each of their pictures.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/request.h"
#include "pipeline/call.h"
#include "pipeline/lane_pool.h"
#include "shoal/geometry.h"

namespace shoal {

struct FeedOptions {
  Priority priority = Priority::kNormal;
  SourceKey source = {};            // of the scheduler's turns: the camera
  std::string name = {};            // of the camera, for the log
  std::optional<float> confidence = {};  // only detections above it; at least the model's own
};

// How a round ended.
enum class Landed : std::uint8_t {
  kAnswered,  // collect() was called
  kEmpty,     // supply() had nothing
  kRefused,   // the scheduler did not take it: do not offer again at once
};

// Who has pictures and takes answers: a camera.
class FeedClient : public PictureSupply {
 public:
  // On a lane's thread, once for each supplied picture: swap out what is needed (detections, an
  // error, pixels) and return.
  virtual void collect(Outcome& outcome) noexcept = 0;
  // The round is over, offer() may begin another, also from here.
  virtual void landed(Landed how) noexcept = 0;
};

enum class Offered : std::uint8_t {
  kAccepted,   // landed() will be called, or has been
  kInFlight,   // it is on its way already: whatever is newest then will be taken
  kClosed,     // the model is being unloaded or reloaded: ask the registry for another feed
};

// Threads  offer() by any thread; the rest by one.
class HostFeed {
 public:
  // Takes over the request, which goes back to the runner's pool at the end. `runner`, `lanes` and
  // `client` outlive the feed.
  HostFeed(CallRunner& runner, LanePool& lanes, FeedClient& client, FeedOptions options,
           std::unique_ptr<Request> request);
  ~HostFeed();  // waits for what is in flight
  HostFeed(const HostFeed&) = delete;
  HostFeed& operator=(const HostFeed&) = delete;

  // A picture of about this size is there.
  // Cost     two locks; nothing is allocated.
  [[nodiscard]] Offered offer(Size size);

  // The same for several at once, so that they can share a batch: what is of one model enters its
  // queue together, as a group, and goes to one lane as far as a batch has room. Those in flight
  // and those closed are passed over. `group`: any number but 0, not used lately.
  struct Joint {
    HostFeed* feed = nullptr;
    Size size;
    Offered offered = Offered::kInFlight;  // the answer
  };
  static void offer_together(std::span<Joint> feeds, std::uint64_t group);

 private:
  class Round;  // the completion of the request
  std::unique_ptr<Round> round_;
};

}  // namespace shoal
