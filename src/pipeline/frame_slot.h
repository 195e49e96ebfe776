// Between a camera's reader and its analysis: the newest frame that waits for a lane, the one in
// the lane, and those that came back. Newer frames take the place of older ones here, so a model
// that is slower than the camera costs frames and never age.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

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

// Threads  put(), carry(), lost() and the feed's methods by the reader; take() by the analysis; the
//          FeedClient's by lanes; request_stop() by any.
class FrameSlot final : public FeedClient {
 public:
  // `wake` is called when take() has something new: by lanes and the reader; it must not block.
  FrameSlot(const FrameSlotOptions& options, CameraCounters& counters, std::function<void()> wake);
  ~FrameSlot() override;

  // Offers the frame; `frame` comes back with another one's buffer. False: stopped.
  bool put(CameraFrame& frame);
  // A frame that needs no inference. Passed over while another is on its way, so that results stay
  // in order; pixels as in put().
  void carry(CameraFrame& frame);
  // Waits at most `most` until put() would not wait (kTurn), or until everything that was put has
  // been taken (kAll). False: not yet, or stopped.
  enum class Until : std::uint8_t { kTurn, kAll };
  [[nodiscard]] bool wait(Until until, Duration most);
  // The stream broke: take() says so once, after what is on its way.
  void lost();

  // The way into the model; nullptr takes it away and waits for what is in flight.
  void set_feed(std::unique_ptr<HostFeed> feed);
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

  bool supply(Request& request) noexcept override;
  void collect(Outcome& outcome) noexcept override;
  void landed(Landed how) noexcept override;

 private:
  [[nodiscard]] bool claim();
  void unclaim(bool closed);
  [[nodiscard]] Size size_to_offer() const;
  [[nodiscard]] FinishedFrame& finished_place() { return finished_[(first_ + count_) % 2]; }

  const FrameSlotOptions options_;
  CameraCounters& counters_;
  const std::function<void()> wake_;

  mutable std::mutex mutex_;
  std::condition_variable room_;
  CameraFrame newest_;
  bool waiting_ = false;  // newest_ is there
  std::optional<TimePoint> supplied_at_;  // the last time
  CameraFrame flying_;    // what a lane has; its pixels are the request's
  bool in_flight_ = false;
  bool offered_ = false;  // from the claim to landed(): the feed's one request is on its way
  std::array<FinishedFrame, 2> finished_;  // a ring
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool lost_ = false;
  bool stopped_ = false;
  bool closed_ = false;  // the feed said so

  // Held during offer(), so that the feed stays; never taken while mutex_ is held.
  std::mutex feed_mutex_;
  std::unique_ptr<HostFeed> feed_;
};

}  // namespace shoal
