// Where what cameras give goes: CameraSink and the adaptor that lets the file formats of `detect`
// write it too. Queues, threads and drop rules are the pipeline's (one thread and one bounded queue
// a sink, so that a slow one delays nobody).
#pragma once

#include <memory>
#include <string>

#include "core/camera_result.h"
#include "shoal/result.h"
#include "sink/sink.h"

namespace shoal {

// Threads  one caller at a time; frames of one camera arrive in order.
class CameraSink {
 public:
  virtual ~CameraSink() = default;
  // For messages and the summary: "out/detections.jsonl", "mqtt://127.0.0.1:1883".
  [[nodiscard]] virtual std::string name() const = 0;
  // Results must carry full-size pixels.
  [[nodiscard]] virtual bool wants_pixels() const { return false; }
  // Tracks that begin must come with a picture.
  [[nodiscard]] virtual bool wants_track_pictures() const { return false; }
  // Alarms only: results are not queued for it.
  [[nodiscard]] virtual bool wants_results() const { return true; }
  // Errors   kUnavailable: cannot be written now (disk full, broker away). The result is lost and
  //          counted; the sink stays usable and tries again with the next.
  [[nodiscard]] virtual Result<void> write(const CameraResult& result) = 0;
  // Errors   kUnavailable: not delivered; the caller keeps it and hands it over again later.
  [[nodiscard]] virtual Result<void> write(const Alarm& alarm) = 0;
  // About once a second, also when nothing comes: time-outs, retention, reconnection.
  virtual void tick(TimePoint /*now*/) {}
  // What is wrong now although nothing is lost yet: rows wait for room on a disk. "": nothing.
  [[nodiscard]] virtual std::string trouble() const { return {}; }
  // Closes files properly. Called once, also after an error.
  [[nodiscard]] virtual Result<void> finish() = 0;
  // For the summary: "1,280 lines", "12 alarms".
  [[nodiscard]] virtual std::string written() const = 0;
};

}  // namespace shoal
