#include "pipeline/site_camera.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "core/url_secrets.h"

namespace shoal {
SiteCamera::SiteCamera(Parts parts)
    : parts_(std::move(parts)),
      slot_({.live = parts_.config.live,
             .age_max = parts_.config.age_max,
             .aligner = parts_.config.align > Duration::zero() ? parts_.aligner : nullptr,
             .align = parts_.config.align},
            *parts_.counters, parts_.wake),
      reader_({.config = parts_.config,
               .number = parts_.identity->number,
               .models = parts_.models,
               .slot = &slot_,
               .counters = parts_.counters.get(),
               .turns = parts_.turns,
               .tap = parts_.tap.get()}) {}

void SiteCamera::analyse(CameraOutlet& outlet) {
  for (;;) {
    const FrameSlot::Taken taken = slot_.take(current_);
    if (taken == FrameSlot::Taken::kNothing) return;
    CameraResultLease result = outlet.result_buffer();
    if (!result && taken == FrameSlot::Taken::kLost) {  // ended all the same, though nobody is told
      CameraResult unseen;
      parts_.scene->end_tracks(unseen);
      remember(unseen);
      continue;
    }
    if (!result) {
      parts_.counters->drop(FrameDrop::kMemory);
      continue;
    }
    if (taken == FrameSlot::Taken::kLost) {
      parts_.scene->end_tracks(result.write());
      remember(*result);
      if (!result->track_events.empty()) outlet.publish(*this, std::move(result), {});
      continue;
    }
    const TimePoint now = Clock::now();
    // Times of a file that is read as fast as it goes are not of this clock.
    const TimePoint begun =
        parts_.config.live ? current_.frame.captured : current_.frame.decode_begun;
    const Duration latency = now - begun;
    const bool late = parts_.config.live && latency > parts_.config.age_max;
    if (current_.kind == FinishedKind::kInferred) {
      parts_.counters->analysed(latency, late, begun, now);
    } else if (current_.kind == FinishedKind::kFailed) {
      parts_.counters->failed(current_.error ? current_.error->message : "", now);
    }
    parts_.scene->analyse(result.write(), current_);
    remember(*result);
    outlet.picture_tracks(*this, result.write(), current_.frame.pixels);
    for (auto& raised : parts_.scene->alarms(*result)) {
      parts_.counters->alarm();
      outlet.raise(*this, std::move(raised), current_.frame.pixels, current_.frame.captured);
    }
    publish(outlet, std::move(result));
  }
}

void SiteCamera::publish(CameraOutlet& outlet, CameraResultLease result) {
  CameraResultLease picture;
  if (outlet.wants_pictures(*this)) picture = outlet.picture_buffer();
  if (picture) {
    CameraResult& with_pixels = picture.write();
    copy_without_pixels(with_pixels, *result);
    std::swap(with_pixels.outcome.pixels, current_.frame.pixels);
  }
  outlet.publish(*this, std::move(result), std::move(picture));
}

void SiteCamera::remember(const CameraResult& result) {
  const std::lock_guard lock(mutex_);
  tracks_ = static_cast<std::uint32_t>(result.tracks.size());
  zone_counts_ = result.zone_counts;
  line_counts_ = result.line_counts;
}

// Frames that come and are not analysed are no "running".
void SiteCamera::show_failing(CameraStatus& status) const {
  if (status.state != CameraState::kRunning) return;
  const auto failing = parts_.counters->failing(parts_.config.read_timeout, Clock::now());
  if (!failing) return;
  status.state = CameraState::kWaiting;
  status.error = fmt::format("no frame could be analysed for {:.0f} s: {}",
                             to_seconds(failing->time), failing->why);
}

CameraStatus SiteCamera::status() const {
  CameraStatus status;
  status.config = parts_.config;
  status.config.url = without_secrets(parts_.config.url);
  status.number = parts_.identity->number;
  status.identity = parts_.identity;
  parts_.counters->fill(status, Clock::now());
  reader_.fill(status);
  show_failing(status);
  const std::lock_guard lock(mutex_);
  status.tracks = tracks_;
  status.zone_counts = zone_counts_;
  status.line_counts = line_counts_;
  return status;
}

}  // namespace shoal
