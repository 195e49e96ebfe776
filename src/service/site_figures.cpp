#include "service/site_figures.h"

#include <algorithm>
#include <vector>

namespace shoal {
namespace {

constexpr auto kWindow = std::chrono::seconds(2);
constexpr auto kSamplePeriod = std::chrono::seconds(1);

void add_latency(SiteFigures& figures, const CameraControl& control) {
  std::vector<double> medians;
  for (const CameraStatus& camera : control.cameras()) {
    if (camera.state != CameraState::kRunning || camera.analysed == 0) continue;
    medians.push_back(camera.latency_ms_p50);
    figures.latency_ms_p99 = std::max(figures.latency_ms_p99, camera.latency_ms_p99);
  }
  if (medians.empty()) return;
  const auto middle = medians.begin() + static_cast<std::ptrdiff_t>(medians.size() / 2);
  std::nth_element(medians.begin(), middle, medians.end());
  figures.latency_ms_p50 = *middle;
}

}  // namespace

SiteMeter::SiteMeter(const ModelRegistry& models, const CameraControl& control)
    : models_(models), control_(control) {}

SiteFigures SiteMeter::figures() {
  SiteFigures figures;
  Mark mark{.at = Clock::now()};
  for (const ModelStatus& status : models_.index()) {
    const auto host = models_.find(status.name);
    if (!host) continue;
    const HostStatistics boxes = (*host)->statistics(false);
    figures.models.push_back({.name = status.name,
                              .waiting = boxes.waiting,
                              .lanes = boxes.lanes,
                              .idle_lanes = boxes.idle_lanes,
                              .batch_max = boxes.batch_max});
    mark.pictures += boxes.inference_count;
    mark.batches += boxes.execution_count;
  }
  add_latency(figures, control_);
  const std::lock_guard lock(mutex_);
  figures.uptime_s = std::chrono::duration<double>(mark.at - begun_).count();
  if (mark.at - now_.at >= kWindow) {
    before_ = now_;
    now_ = mark;
  }
  // A model that was loaded again counts from zero.
  if (before_.at != TimePoint{} && mark.pictures >= before_.pictures &&
      mark.batches >= before_.batches) {
    const double seconds = std::chrono::duration<double>(mark.at - before_.at).count();
    const auto pictures = static_cast<double>(mark.pictures - before_.pictures);
    const auto batches = static_cast<double>(mark.batches - before_.batches);
    figures.images_per_second = pictures / seconds;
    figures.batch_mean = batches > 0 ? pictures / batches : 0;
  }
  if (mark.at - sampled_ >= kSamplePeriod) {
    process_ = sampler_.sample();
    sampled_ = mark.at;
  }
  figures.memory_bytes = process_.memory_bytes;
  figures.memory_limit_bytes = process_.memory_limit_bytes;
  figures.cpu_share = process_.device_utilization;
  return figures;
}

}  // namespace shoal
