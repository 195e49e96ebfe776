// Between a camera's reader and its analysis: the newest frame that waits for a lane, those in
// lanes, and those that came back. Newer frames take the place of older ones here, so a model that
// is slower than the camera costs frames and never age.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/camera_result.h"
#include "core/outcome.h"
#include "pipeline/camera_counters.h"
#include "pipeline/host_feed.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

class FrameAligner;

// One decoded frame and where it comes from. Recycled by swapping.
struct CameraFrame {
  Frame pixels;
  std::uint64_t number = 0;
  TimePoint captured{};
  WallTime captured_at{};
  std::optional<std::chrono::nanoseconds> media_time;
  TimePoint decode_begun{};
  TimePoint ready{};  // decoded
};

enum class FinishedKind : std::uint8_t {
  kInferred,  // detections are there
  kFailed,    // inference failed: `error`
  kCarried,   // the motion gate skipped it
};

struct FinishedFrame {
  FinishedKind kind = FinishedKind::kInferred;
  CameraFrame frame;
  Detections detections;
  std::optional<Error> error;
  StageTimes times;
  BatchFacts batch;
  int batch_size = 0;
  double padding = 0;
};

struct FrameSlotOptions {
  bool live = true;    // false: put() waits until the frame before is taken; none is dropped
  // live: an older frame is not given to a lane while there were others within as long; 0: no limit
  Duration age_max{};
  // Not null: frames wait up to `align` for those of its other members. Outlives the slot.
  FrameAligner* aligner = nullptr;
  Duration align{};
};

// Threads  put(), carry(), lost() and the feeds' methods by the reader; take() by the analysis; the
//          clients' by lanes; request_stop() by any.
class FrameSlot {
 public:
  // `wake` is called when take() has something new: by lanes and the reader; it must not block.
  FrameSlot(const FrameSlotOptions& options, CameraCounters& counters, std::function<void()> wake);
  ~FrameSlot();

  // Offers the frame; `frame` comes back with another one's buffer. False: stopped.
  bool put(CameraFrame& frame);
  // A frame that needs no inference. Passed over while another is on its way, so that results stay
  // in order; pixels as in put().
  void carry(CameraFrame& frame);
  // A frame waits for a lane: those that come now take its place.
  [[nodiscard]] bool is_waiting() const;
  // Waits at most `most` until put() would not wait (kTurn), or until everything that was put has
  // been taken (kAll). False: not yet, or stopped.
  enum class Until : std::uint8_t { kTurn, kAll };
  [[nodiscard]] bool wait(Until until, Duration most);
  // The stream broke: take() says so once, after what is on its way.
  void lost();

  // A feed is made for each: of a live camera one frame is in flight, of a file two, so that one
  // file alone keeps two lanes busy.
  [[nodiscard]] std::size_t client_count() const { return flights_.size(); }
  [[nodiscard]] FeedClient& client(std::size_t index) { return *flights_[index]; }
  // The ways into the model, one for each client; none takes them away and waits for what is in
  // flight.
  void set_feeds(std::vector<std::unique_ptr<HostFeed>> feeds);
  // The model is going or gone: another feed is needed.
  [[nodiscard]] bool needs_feed() const;
  // Tells the model that a frame waits, if one does; put() has done so.
  void offer();
  // The same for several at once, as one group of the scheduler.
  static void offer_together(std::span<FrameSlot* const> slots, std::uint64_t group);

  enum class Taken : std::uint8_t { kNothing, kFrame, kLost };
  // Fills `frame` by swapping, in order; the next one may then begin.
  [[nodiscard]] Taken take(FinishedFrame& frame);

  void request_stop();

 private:
  // One way into the model, and what a lane has of it.
  class Flight final : public FeedClient {
   public:
    explicit Flight(FrameSlot& slot) : slot_(slot) {}
    bool supply(Request& request) noexcept override { return slot_.supply(*this, request); }
    void collect(Outcome& outcome) noexcept override { slot_.collect(*this, outcome); }
    void landed(Landed how) noexcept override { slot_.landed(*this, how); }

    CameraFrame frame;       // its pixels are the request's
    bool offered = false;    // from the claim to landed(): its one request is on its way
    bool supplied = false;   // from supply() to landed()
    std::size_t place = 0;   // of its answer
    std::unique_ptr<HostFeed> feed;  // guarded by feed_mutex_

   private:
    FrameSlot& slot_;
  };
  // Frames come back in the order in which they were supplied.
  struct Place {
    FinishedFrame frame;
    bool done = false;
  };

  bool supply(Flight& flight, Request& request);
  void collect(Flight& flight, Outcome& outcome);
  void landed(Flight& flight, Landed how);
  [[nodiscard]] Flight* claim();
  void unclaim(Flight& flight, bool closed);
  [[nodiscard]] Size size_to_offer() const;
  [[nodiscard]] std::size_t take_place();
  [[nodiscard]] bool in_flight() const;

  const FrameSlotOptions options_;
  CameraCounters& counters_;
  const std::function<void()> wake_;

  mutable std::mutex mutex_;
  std::condition_variable room_;
  CameraFrame newest_;
  bool waiting_ = false;  // newest_ is there
  std::optional<TimePoint> supplied_at_;  // the last time
  std::vector<std::unique_ptr<Flight>> flights_;
  std::vector<Place> places_;  // a ring
  std::size_t first_ = 0;
  std::size_t count_ = 0;      // in flight, or done and not taken
  bool lost_ = false;
  bool stopped_ = false;
  bool closed_ = false;  // the feed said so

  // Held during offer(), so that the feeds stay; never taken while mutex_ is held.
  std::mutex feed_mutex_;
};

}  // namespace shoal
