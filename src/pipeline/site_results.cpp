// What becomes of results and alarms: to sinks, pages, recordings. On the analysis thread, which
// hands over and never waits.
#include <pthread.h>

#include <utility>

#include "pipeline/answer_text.h"
#include "pipeline/site.h"

namespace shoal {

void Site::analysis_loop() {
  pthread_setname_np(pthread_self(), "analysis");
  while (auto item = queue_.pop()) {
    const CameraPtr camera = item->lock();
    if (!camera) continue;
    camera->unmark_queued();  // before looking: what comes from now on queues it again
    camera->analyse(*this);
  }
}

bool Site::wants_pictures(const SiteCamera& camera) const {
  return pictures_wanted_ || camera.watchers.load(std::memory_order_relaxed) > 0;
}

void Site::publish(const SiteCamera& camera, CameraResultLease result,
                   CameraResultLease picture) {
  const std::string& name = camera.identity().name;
  for (const auto& worker : workers_) {
    if (!worker->takes(name)) continue;
    if (!worker->wants_pixels()) {
      worker->offer(result);
    } else if (picture) {
      worker->offer(picture);
    }
  }
  if (camera.watchers.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock(listeners_mutex_);
  for (CameraListener* listener : listeners_) listener->result(picture ? picture : result);
}

void Site::picture_tracks(const SiteCamera& camera, CameraResult& result, const Frame& pixels) {
  if (!track_pictures_wanted_) return;
  const std::vector<std::string>& names = camera.identity().class_names;
  Alarm shown;  // what is drawn
  for (const TrackEvent& event : result.track_events) {
    if (event.change != TrackChange::kNew) continue;
    shown.objects.push_back({.track = event.after.id,
                             .name = class_label(names, event.after.class_id),
                             .confidence = event.after.confidence,
                             .box = event.after.box});
  }
  if (shown.objects.empty()) return;
  auto jpeg = painter_.paint(pixels, shown, names);
  if (jpeg.empty()) return;
  const auto picture = std::make_shared<const std::vector<std::uint8_t>>(std::move(jpeg));
  for (TrackEvent& event : result.track_events) {
    if (event.change == TrackChange::kNew) event.picture = picture;
  }
}

void Site::raise(const SiteCamera& camera, CameraScene::Raised raised, const Frame& pixels,
                 TimePoint captured) {
  raised.alarm.thumbnail = painter_.paint(pixels, raised.alarm, camera.identity().class_names);
  const std::shared_ptr<const Alarm> alarm =
      desk_->raise(std::move(raised.alarm), *raised.rule, camera.tap(), captured);
  const std::lock_guard lock(listeners_mutex_);
  for (CameraListener* listener : listeners_) listener->alarm(alarm);
}

std::vector<std::shared_ptr<const Alarm>> Site::alarms(std::size_t count,
                                                       std::string_view before) const {
  return desk_->alarms(count, before);
}

Result<std::string> Site::clip_file(std::string_view alarm_id) const {
  return desk_->clip_file(alarm_id);
}

}  // namespace shoal
