#include "service/cameras/live_hub.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace shoal {
namespace {

Duration period_of(double fps) {
  if (fps <= 0) return Duration::zero();
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1.0 / fps));
}

}  // namespace

bool LiveHub::Watching::wants(const std::string& camera) const {
  return wish.all || std::ranges::find(wish.cameras, camera) != wish.cameras.end();
}

LiveHub::LiveHub(CameraControl& control, DrawResult draw)
    : control_(control), painter_(std::move(draw)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "live-encode");
    run();
  });
  control_.add_listener(*this);
}

LiveHub::~LiveHub() {
  control_.remove_listener(*this);
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (const auto& [name, camera] : cameras_) {
    if (camera.watched != 0) control_.watch(camera.watched, false);
  }
}

void LiveHub::watch(const std::shared_ptr<Viewer>& viewer, ViewWish wish) {
  auto watching = std::make_shared<Watching>();
  watching->viewer = viewer;
  watching->address = viewer.get();
  watching->wish = std::move(wish);
  {
    const std::lock_guard lock(mutex_);
    remove_views(viewer.get());
    for (auto& [name, camera] : cameras_) {
      if (watching->wants(name)) camera.views.push_back({watching, {}});
    }
    watchings_.push_back(std::move(watching));
    dirty_ = true;
  }
  changed_.notify_all();
}

void LiveHub::forget(const Viewer* viewer) {
  {
    const std::lock_guard lock(mutex_);
    remove_views(viewer);
    dirty_ = true;
  }
  changed_.notify_all();
}

void LiveHub::remove_views(const Viewer* viewer) {
  std::erase_if(watchings_, [&](const auto& watching) { return watching->address == viewer; });
  for (auto& [name, camera] : cameras_) {
    std::erase_if(camera.views, [&](const View& view) { return view.watching->address == viewer; });
  }
}

bool LiveHub::has_viewers() const {
  const std::lock_guard lock(mutex_);
  return !watchings_.empty();
}

LiveHub::Counts LiveHub::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<std::string> LiveHub::class_names(std::string_view camera) const {
  const std::lock_guard lock(mutex_);
  const auto found = cameras_.find(camera);
  if (found == cameras_.end() || found->second.identity == nullptr) return {};
  return found->second.identity->class_names;
}

void LiveHub::sync(const std::vector<CameraStatus>& cameras) {
  std::vector<std::pair<std::shared_ptr<Viewer>, std::string>> told;
  std::vector<CameraResultLease> dropped;  // given back outside the lock
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, camera] : cameras_) camera.present = false;
    for (const CameraStatus& status : cameras) {
      const auto [found, added] = cameras_.try_emplace(status.config.name);
      Camera& camera = found->second;
      camera.present = true;
      camera.tracked = status.config.track;
      dirty_ = dirty_ || camera.number != status.number;
      camera.number = status.number;
      if (!added) continue;
      for (const auto& watching : watchings_) {
        if (watching->wants(found->first)) camera.views.push_back({watching, {}});
      }
    }
    for (auto at = cameras_.begin(); at != cameras_.end();) {
      Camera& camera = at->second;
      if (camera.present) {
        ++at;
        continue;
      }
      for (const View& view : camera.views) {
        if (auto viewer = view.watching->viewer.lock()) told.emplace_back(viewer, at->first);
      }
      dropped.push_back(std::move(camera.newest));
      // Its number is not used again: control has forgotten it together with the camera.
      std::erase(ready_, at->first);
      at = cameras_.erase(at);
    }
  }
  changed_.notify_all();
  for (const auto& [viewer, name] : told) viewer->gone(name);
}

void LiveHub::result(const CameraResultLease& result) {
  const CameraIdentity& identity = *result->camera;
  CameraResultLease older;  // given back outside the lock
  {
    const std::lock_guard lock(mutex_);
    const auto found = cameras_.find(identity.name);
    if (found == cameras_.end()) return;
    Camera& camera = found->second;
    if (camera.identity != result->camera) camera.identity = result->camera;
    if (!has_pixels(*result)) return;
    const TimePoint now = Clock::now();
    const bool due = std::ranges::any_of(camera.views, [&](const View& view) {
      return view.due <= now;
    });
    if (!due) return;
    if (camera.newest) ++counts_.replaced;
    older = std::exchange(camera.newest, result);
    if (!camera.queued) {
      camera.queued = true;
      ready_.push_back(found->first);
    }
  }
  changed_.notify_all();
}

std::vector<std::pair<std::uint64_t, bool>> LiveHub::reconcile() {
  std::vector<std::pair<std::uint64_t, bool>> changes;
  drop_dead_viewers();
  for (auto& [name, camera] : cameras_) {
    const std::uint64_t wanted = camera.views.empty() ? 0 : camera.number;
    if (camera.watched == wanted) continue;
    if (camera.watched != 0) changes.emplace_back(camera.watched, false);
    if (wanted != 0) changes.emplace_back(wanted, true);
    camera.watched = wanted;
  }
  dirty_ = false;
  return changes;
}

void LiveHub::drop_dead_viewers() {
  const auto dead = [](const auto& watching) { return watching->viewer.expired(); };
  std::erase_if(watchings_, dead);
  for (auto& [name, camera] : cameras_) {
    std::erase_if(camera.views, [&](const View& view) { return dead(view.watching); });
  }
}

std::optional<LiveHub::Job> LiveHub::next_job() {
  while (!ready_.empty()) {
    const auto found = cameras_.find(ready_.front());
    ready_.pop_front();
    if (found == cameras_.end()) continue;
    Camera& camera = found->second;
    camera.queued = false;
    Job job{.result = std::exchange(camera.newest, CameraResultLease()),
            .tracked = camera.tracked,
            .watching = {}};
    if (!job.result) continue;
    const TimePoint now = Clock::now();
    for (View& view : camera.views) {
      if (view.due > now) continue;
      // On its own beat as long as that holds, so that the mean rate is what was asked for.
      const Duration period = period_of(view.watching->wish.fps);
      view.due = now - view.due > period ? now + period : view.due + period;
      job.watching.push_back(view.watching);
    }
    return job;
  }
  return std::nullopt;
}

void LiveHub::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || dirty_ || !ready_.empty(); });
    if (closed_) return;
    if (dirty_) {
      const auto changes = reconcile();
      lock.unlock();
      for (const auto& [number, watching] : changes) control_.watch(number, watching);
      lock.lock();
      continue;
    }
    std::optional<Job> job = next_job();
    lock.unlock();
    if (job) work(*job);
    job.reset();
    lock.lock();
  }
}

void LiveHub::work(const Job& job) {
  Counts done;
  std::vector<std::shared_ptr<const Watching>> left = job.watching;
  while (!left.empty()) {
    // The wish of whoever comes first stays readable while its like are taken out.
    const std::shared_ptr<const Watching> first = left.front();
    const ViewWish& wish = first->wish;
    const auto same = [&](const auto& other) {
      return other->wish.width == wish.width && other->wish.boxes == wish.boxes;
    };
    std::vector<std::shared_ptr<Viewer>> viewers;
    for (const auto& watching : left) {
      if (!same(watching)) continue;
      if (auto viewer = watching->viewer.lock()) viewers.push_back(std::move(viewer));
    }
    if (!viewers.empty()) {
      auto picture = painter_.paint(*job.result, {.width = wish.width,
                                                  .boxes = wish.boxes,
                                                  .tracked = job.tracked});
      if (picture) {
        ++done.encoded;
        done.delivered += viewers.size();
        for (const auto& viewer : viewers) viewer->picture(*picture);
      } else {
        ++done.failed;
        log(LogLevel::kDebug, "live", "camera {}: {}", job.result->camera->name,
            picture.error().message);
      }
    }
    std::erase_if(left, same);
  }
  const std::lock_guard lock(mutex_);
  counts_.encoded += done.encoded;
  counts_.delivered += done.delivered;
  counts_.failed += done.failed;
}

}  // namespace shoal
