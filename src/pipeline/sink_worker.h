// One sink with its own thread and its own bounded queue, so that a slow one delays nobody: results
// that do not fit are dropped, alarms are handed over until the sink has taken them.
//
// Results wait without their pixels, unless the sink wants pixels: offer() copies the few KiB that
// a result has without them into memory of the worker's own and gives the lease back at once. So a
// broker that is slow, or away, holds no frame. Sinks that want pixels hold leases: at most
// leases_max() each, which the site adds up to size its pool,
//
//   pool = sum of leases_max() over all workers + what cameras, page and recorder hold.
//
// Alarms of sinks over the network go through the spool (uses_spool()): the site appends the alarm
// with the names of those that takes() its camera, then calls notify_alarm() of each. Sinks that
// are local files get it through offer().
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/bounded_queue.h"
#include "core/camera_result.h"
#include "core/clock.h"
#include "pipeline/camera_control.h"
#include "sink/alarm_spool.h"
#include "sink/camera_sink.h"
#include "source/backoff.h"

namespace shoal {

struct SinkWorkerOptions {
  std::string name = {};             // of the sink in the configuration; its name in the spool
  std::vector<std::string> cameras = {};  // only these; empty: all
  std::size_t queue_limit = 256;     // results that may wait; then the oldest is dropped
  std::size_t pixel_queue_limit = 8; // the same for a sink that wants pixels: 24 MB each at 4K
  std::size_t alarms_max = 64;       // that may wait without a spool; then the oldest is dropped
  bool uses_spool = false;           // its alarms come from the spool
  // Between attempts to deliver an alarm. A result that arrives ends the wait.
  BackoffOptions retry{.min = std::chrono::milliseconds(500),
                       .max = std::chrono::milliseconds(15'000)};
};

// Since the start. Each result that was offered, wanted and accepted is in one of the first five,
// or is being written.
struct SinkWorkerCounts {
  std::uint64_t written = 0;     // results that the sink took
  std::uint64_t waiting = 0;
  std::uint64_t queue_full = 0;  // dropped: newer ones came before the sink was ready
  std::uint64_t unwritable = 0;  // dropped: the sink could not write them
  std::uint64_t closed = 0;      // dropped: the worker was closed before their turn
  std::uint64_t alarms_delivered = 0;
  std::uint64_t alarms_refused = 0;   // the sink said that they can never be delivered: logged
  std::uint64_t alarms_dropped = 0;   // without a spool: too many, or closed; logged
  std::uint64_t alarm_retries = 0;
};

// Threads  all methods from any thread; the sink is called by the worker's own thread only.
class SinkWorker {
 public:
  // Starts the thread, which first takes what the spool holds for this name.
  // `spool` outlives the worker; nullptr where the options do not use it.
  // REQUIRES: a sink; a name and a spool where it is used; all limits > 0.
  SinkWorker(std::unique_ptr<CameraSink> sink, SinkWorkerOptions options, AlarmSpool* spool);
  // As close() without patience, where that was not called.
  ~SinkWorker();
  SinkWorker(const SinkWorker&) = delete;
  SinkWorker& operator=(const SinkWorker&) = delete;

  [[nodiscard]] bool takes(std::string_view camera) const;
  [[nodiscard]] bool wants_pixels() const { return wants_pixels_; }
  [[nodiscard]] bool wants_track_pictures() const { return wants_track_pictures_; }
  [[nodiscard]] bool uses_spool() const { return spool_ != nullptr; }
  [[nodiscard]] std::size_t leases_max() const;
  [[nodiscard]] const std::string& name() const { return options_.name; }

  // Never waits for the sink.
  // Cost     a short lock and a copy of the result without its pixels; no allocation once the
  //          buffers have grown.
  void offer(const CameraResultLease& result);

  // For a local sink. Never waits for it.
  // REQUIRES: !uses_spool().
  void offer(const std::shared_ptr<const Alarm>& alarm);

  // There may be an alarm for it in the spool.
  void notify_alarm();

  [[nodiscard]] SinkStatus status() const;
  [[nodiscard]] SinkWorkerCounts counts() const;

  // Takes nothing more, writes what waits for at most `patience`, closes the sink and ends the
  // thread. Alarms that the sink does not take stay in the spool; a local sink's are lost, logged
  // and counted. Returns what closing the sink said. A call that the sink is in ends by itself
  // first: sinks have time-outs. Idempotent.
  Result<void> close(Duration patience);

 private:
  void run();
  [[nodiscard]] bool wait_for_work();
  void tick(TimePoint now);
  void write_result();
  void deliver_alarm(TimePoint now);
  [[nodiscard]] std::shared_ptr<const Alarm> next_alarm();
  void finish_alarm(const Alarm& alarm);
  void alarm_failed(const Error& error);
  void lose(const Alarm& alarm, std::string_view why);
  void say_failure(const Error& error);
  void say_success();
  void end();

  const std::unique_ptr<CameraSink> sink_;
  const SinkWorkerOptions options_;
  AlarmSpool* const spool_;  // nullptr: a local sink
  const bool wants_pixels_;
  const bool wants_track_pictures_;
  const bool wants_results_;
  CameraResultPool copies_;  // of results without pixels
  BoundedQueue<CameraResultLease> queue_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All below are guarded by mutex_.
  std::deque<std::shared_ptr<const Alarm>> alarms_;  // of a local sink
  bool alarm_waits_ = true;                          // perhaps; the spool is asked
  bool closing_ = false;
  TimePoint close_by_{};
  TimePoint next_tick_{};
  TimePoint failed_at_{};
  TimePoint retry_at_{};
  int failures_ = 0;  // of the alarm that is next, in a row
  SinkWorkerCounts counts_;
  std::string written_;
  std::string error_;
  std::string trouble_;  // the sink's own, at the last tick
  Result<void> finished_;

  std::mutex close_mutex_;
  std::mt19937_64 random_;  // of the worker's thread
  std::thread thread_;
};

}  // namespace shoal
