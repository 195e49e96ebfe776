// The thread of one camera: connects, reads, decodes, chooses the frames that are wanted, and comes
// back after every failure. What becomes of the frames is the slot's and the analysis' business.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "core/packet.h"
#include "decode/stream_decoder.h"
#include "pipeline/camera_control.h"
#include "pipeline/camera_counters.h"
#include "pipeline/catch_up.h"
#include "pipeline/decode_turns.h"
#include "pipeline/frame_rate.h"
#include "pipeline/frame_slot.h"
#include "pipeline/model_registry.h"
#include "pipeline/picture_watch.h"
#include "pipeline/site_config.h"
#include "preprocess/motion_gate.h"
#include "source/capture_clock.h"
#include "source/film_clock.h"
#include "source/source.h"
#include "source/stop_signal.h"

namespace shoal {

// Sees what a camera sends and what was decoded of it: recordings.
//
// Threads  the camera's.
class CameraTap {
 public:
  virtual ~CameraTap() = default;
  virtual void packet(const Packet& packet, TimePoint captured) = 0;
  virtual void frame(const Frame& frame, TimePoint captured) = 0;
  virtual void ended() = 0;  // the connection is over
};

// Threads  all methods but the constructor's and start() by any thread.
class CameraReader {
 public:
  struct Parts {
    CameraConfig config;
    std::uint64_t number = 0;
    const ModelRegistry* models = nullptr;
    FrameSlot* slot = nullptr;
    CameraCounters* counters = nullptr;
    DecodeTurns* turns = nullptr;
    CameraTap* tap = nullptr;  // may be null
  };
  explicit CameraReader(Parts parts);
  ~CameraReader();  // stops and joins

  void start();
  // Ends the thread soon: at once, or after the connect time-out of a network that is silent.
  void request_stop();
  void join();
  // False: its thread has not ended by then; it may hang in a disk, a device or a name server.
  [[nodiscard]] bool join_until(TimePoint latest);
  [[nodiscard]] bool ended() const;  // the thread has nothing more to do

  void set_paused(bool paused);
  [[nodiscard]] bool paused() const;
  void fill(CameraStatus& status) const;

 private:
  // How a connection ended.
  enum class Over : std::uint8_t { kStopped, kPaused, kEnded, kFailed, kRefused };

  void run();
  [[nodiscard]] bool wait_while_paused();
  [[nodiscard]] Over connect_and_read();
  [[nodiscard]] Over read_all(Source& source);
  [[nodiscard]] Over fail(const Error& error);
  [[nodiscard]] bool take_packet(const Packet& packet);
  [[nodiscard]] bool gives_pictures(TimePoint now);
  void note_clock();
  [[nodiscard]] bool leave_out(const Packet& packet, TimePoint captured, TimePoint now);
  [[nodiscard]] Result<bool> take_frames(TimePoint begun);
  [[nodiscard]] bool take_frame(const StreamFrame& frame, TimePoint begun);
  [[nodiscard]] bool convert(const StreamFrame& frame, TimePoint captured, TimePoint begun);
  [[nodiscard]] TimePoint captured(std::optional<std::chrono::nanoseconds> media_time,
                                   TimePoint now);
  [[nodiscard]] bool wait_for_slot(FrameSlot::Until until);
  void finish();
  [[nodiscard]] bool is_stale(TimePoint captured, TimePoint now);
  void count_decoder(FrameDrop left_out, TimePoint now);
  void renew_feed();
  void wait_before_retry(Over why);
  void enter(CameraState state, std::string error = {});
  [[nodiscard]] bool interrupted() const;

  const Parts parts_;
  FrameThinner thinner_;
  CatchUp catch_up_;
  PictureWatch watch_;
  DecodeTurns::Account account_;
  std::optional<MotionGate> gate_;
  CaptureClock clock_;
  std::optional<TimePoint> origin_;  // not live: of media time 0
  FilmClock film_clock_;             // not live: of the frames
  TimePoint captured_{};             // and of the last frame
  std::unique_ptr<StreamDecoder> decoder_;
  StreamDecoderCounts counted_;
  std::shared_ptr<ModelHost> host_;  // of the feed; outlives it
  TimePoint feed_tried_{};
  CameraFrame work_;
  std::uint64_t frames_ = 0;
  std::optional<TimePoint> running_since_;  // this connection: its first frame
  int failures_ = 0;                        // in a row, also after a few frames
  int refusals_ = 0;                        // of the login, in a row
  std::mt19937_64 random_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::shared_ptr<Source> source_;
  bool stop_ = false;
  bool paused_ = false;
  bool over_ = false;
  CameraState state_ = CameraState::kConnecting;
  std::string error_;
  std::string told_;  // the last error in the log, until it ran again
  std::string warning_;
  WallTime since_{};
  std::optional<WallTime> retry_at_;
  int attempts_ = 0;
  Size size_;
  std::string codec_;

  std::thread thread_;
};

}  // namespace shoal
