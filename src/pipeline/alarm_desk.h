// Where alarms are taken in: recordings begin at once, everything that touches a disk happens on a
// thread of its own, and then the sinks that deliver alarms are told.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/bounded_queue.h"
#include "core/camera_result.h"
#include "pipeline/camera_reader.h"
#include "pipeline/sink_worker.h"
#include "pipeline/site_config.h"
#include "shoal/result.h"
#include "sink/alarm_spool.h"
#include "sink/clip_recorder.h"
#include "sink/clip_store.h"

namespace shoal {

// A sink over the network: its alarms wait on the disk until it has them.
[[nodiscard]] bool delivers_alarms_by_spool(const SinkConfig& sink);

// Threads  raise(), alarms() and clip_file() by any; the rest by one.
class AlarmDesk {
 public:
  // Errors   of AlarmSpool::open and ClipStore::open. The spool is there where a sink needs it.
  [[nodiscard]] static Result<std::unique_ptr<AlarmDesk>> open(const SiteConfig& config);
  ~AlarmDesk();  // closes

  // nullptr where no sink needs one.
  [[nodiscard]] AlarmSpool* spool() { return spool_.get(); }
  // Whom to give alarms; they outlive close(). Starts the thread.
  void deliver_to(std::span<const std::unique_ptr<SinkWorker>> workers);

  // What has to see a camera's packets so that its alarms can have clips; nullptr where no rule
  // for it asks for one.
  [[nodiscard]] std::shared_ptr<CameraTap> tap_for(const std::string& camera,
                                                   const std::vector<AlarmConfig>& rules);

  // Takes an alarm in, begins its clip, and hands it on. `tap` as tap_for gave it. Its id gets the
  // time in front: ids rise in the order in which alarms come, also where the clock is set back.
  // Cost     microseconds. Where a thousand wait, the alarm is logged as an error and lost.
  std::shared_ptr<const Alarm> raise(Alarm alarm, const AlarmConfig& rule, CameraTap* tap,
                                     TimePoint captured);

  [[nodiscard]] std::vector<std::shared_ptr<const Alarm>> alarms(std::size_t count,
                                                                 std::string_view before) const {
    return store_->alarms(count, before);
  }
  [[nodiscard]] Result<std::string> clip_file(std::string_view id) const {
    return store_->clip_file(id);
  }

  // Hands on what waits and ends the clips. Idempotent.
  void close();

 private:
  AlarmDesk() = default;
  void deliver(const std::shared_ptr<const Alarm>& alarm);
  [[nodiscard]] std::string whole_id(const Alarm& alarm);

  std::mutex id_mutex_;
  std::int64_t last_id_ms_ = 0;
  std::unique_ptr<ClipStore> store_;
  std::unique_ptr<AlarmSpool> spool_;
  std::span<const std::unique_ptr<SinkWorker>> workers_;
  BoundedQueue<std::shared_ptr<const Alarm>> queue_{1024};
  std::thread thread_;
};

}  // namespace shoal
