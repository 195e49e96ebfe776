// The figures of a site that its page shows beside the cameras: models, rates, memory, CPU.
#pragma once

#include <mutex>

#include "core/clock.h"
#include "pipeline/camera_control.h"
#include "pipeline/model_registry.h"
#include "service/cameras/camera_json.h"
#include "telemetry/process_sampler.h"

namespace shoal {

// Threads  figures() by any thread.
class SiteMeter {
 public:
  // `models` and `control` outlive the meter.
  SiteMeter(const ModelRegistry& models, const CameraControl& control);

  // Rates are of the time since two seconds ago, or a little more. Latencies are of the cameras:
  // the median of their medians, and the largest of their 99th percentiles.
  // Cost     a walk over models and cameras; of the process, at most once a second.
  [[nodiscard]] SiteFigures figures();

 private:
  struct Mark {
    TimePoint at{};
    std::uint64_t pictures = 0;
    std::uint64_t batches = 0;
  };

  const ModelRegistry& models_;
  const CameraControl& control_;
  const TimePoint begun_ = Clock::now();
  std::mutex mutex_;  // guards what follows
  ProcessSampler sampler_{0};
  ProcessSample process_;
  TimePoint sampled_{};
  Mark now_;
  Mark before_;  // two seconds and more before now_
};

}  // namespace shoal
