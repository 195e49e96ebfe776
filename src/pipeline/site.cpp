// The life of a site and the changes one can make to it. What happens to results stands in
// site_results.cpp.
#include "pipeline/site.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/suggest.h"
#include "core/url_secrets.h"
#include "pipeline/camera_reach.h"
#include "pipeline/site_config_read.h"
#include "pipeline/site_sinks.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

constexpr auto kSinksLeast = std::chrono::seconds(1);  // to close, when cameras took all the time
constexpr auto kSweepPeriod = std::chrono::milliseconds(500);
// Results under way: sinks copy theirs, pages keep the newest of some cameras.
constexpr std::size_t kResults = 64;
// Pictures under way beside those that wait for sinks: the same.
constexpr std::size_t kPicturesSpare = 16;

Error prefixed(const std::string& name, const Error& error) {
  return {error.code, name + ": " + error.message};
}

PicturePoint picture_point(const RelativePoint& point) {
  return {static_cast<float>(point.x), static_cast<float>(point.y)};
}

}  // namespace

Site::Site(SiteConfig config, const ModelRegistry& models, SiteState state)
    : config_(std::move(config)),
      models_(models),
      turns_(usable_core_count()),
      state_(std::move(state)) {}

Site::~Site() { stop(std::chrono::seconds(5)); }

Result<std::unique_ptr<Site>> Site::create(SiteConfig config, const ModelRegistry& models,
                                           std::span<const std::string> model_names) {
  SiteState state = SHOAL_TRY(open_site_state(config, model_names));
  std::unique_ptr<Site> site(new Site(std::move(config), models, std::move(state)));
  SHOAL_TRY(site->open());
  return site;
}

Result<void> Site::open() {
  if (config_.cameras.size() > kCamerasMax) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("expected at most {} cameras, got {}",
                                                          kCamerasMax, config_.cameras.size())};
  }
  for (const CameraConfig& camera : config_.cameras) {
    const auto checked = check_reach(camera.url, config_.allow_urls);
    if (!checked) return prefixed(fmt::format("camera '{}'", camera.name), checked.error());
  }
  auto desk = AlarmDesk::open(config_);
  // Well written and not to be had: that is the machine's fault and not the option's.
  if (!desk) return Error{ErrorCode::kUnavailable, desk.error().message};
  desk_ = *std::move(desk);
  std::size_t pictures = kPicturesSpare;
  for (const SinkConfig& config : config_.sinks) {
    auto sink = SHOAL_TRY(make_camera_sink(config));
    SinkWorkerOptions options;
    options.name = config.name.empty() ? config.type : config.name;
    options.cameras = config.cameras;
    options.queue_limit = static_cast<std::size_t>(config.queue);
    options.uses_spool = delivers_alarms_by_spool(config);
    workers_.push_back(std::make_unique<SinkWorker>(
        std::move(sink), options, options.uses_spool ? desk_->spool() : nullptr));
    pictures_wanted_ = pictures_wanted_ || workers_.back()->wants_pixels();
    track_pictures_wanted_ = track_pictures_wanted_ || workers_.back()->wants_track_pictures();
    pictures += workers_.back()->leases_max();
  }
  desk_->deliver_to(workers_);
  results_ = std::make_unique<CameraResultPool>(kResults);
  pictures_ = std::make_unique<CameraResultPool>(pictures);
  return {};
}

Result<Site::CameraPtr> Site::make_camera(const CameraConfig& config,
                                          std::shared_ptr<CameraCounters> counters) {
  auto host = config.model.empty() ? models_.find_default() : models_.find(config.model);
  if (!host) {
    const Error error = prefixed(config.name, host.error());
    if (error.code != ErrorCode::kNotFound) return error;
    // What a configuration names and is not there is its mistake.
    return Error{ErrorCode::kInvalidArgument, error.message};
  }
  auto identity = std::make_shared<CameraIdentity>();
  identity->number = ++camera_numbers_;
  identity->name = config.name;
  identity->class_names = (*host)->model().class_names;
  for (const ZoneConfig& zone : config.zones) {
    identity->zones.push_back(zone.name);
    auto& shape = identity->zone_shapes.emplace_back();
    for (const RelativePoint& point : zone.polygon) shape.push_back(picture_point(point));
  }
  for (const LineConfig& line : config.lines) {
    identity->lines.push_back(line.name);
    identity->line_shapes.push_back({picture_point(line.from), picture_point(line.to)});
  }
  auto scene = CameraScene::create(config, identity, config_.alarms,
                                   [this] { return TrackId{++track_ids_}; });
  if (!scene) return scene.error();
  // The camera's own threads find it by this; it may be gone when they do.
  auto self = std::make_shared<std::weak_ptr<SiteCamera>>();
  auto wake = [this, self] {
    const CameraPtr camera = self->lock();
    if (!camera || !camera->mark_queued()) return;
    std::weak_ptr<SiteCamera> item = camera;
    // There is room for each camera once.
    if (queue_.push(std::move(item), Overflow::kReject) != Pushed::kAccepted) {
      camera->unmark_queued();
    }
  };
  if (!counters) counters = std::make_shared<CameraCounters>();
  auto camera = std::make_shared<SiteCamera>(
      SiteCamera::Parts{.config = config,
                        .identity = identity,
                        .models = &models_,
                        .scene = std::move(*scene),
                        .counters = std::move(counters),
                        .tap = desk_->tap_for(config.name, config_.alarms),
                        .wake = std::move(wake),
                        .aligner = &aligner_,
                        .turns = &turns_});
  *self = camera;
  return camera;
}

Result<void> Site::start() {
  const std::lock_guard one_at_a_time(changing_);
  Cameras made;
  for (const CameraConfig& config : config_.cameras) {
    made.push_back(SHOAL_TRY(make_camera(config, nullptr)));
  }
  const std::lock_guard lock(mutex_);
  if (running_ || stopped_) return {};
  cameras_ = std::move(made);
  running_ = true;
  analysis_ = std::thread([this] { analysis_loop(); });
  sweeper_ = std::thread([this] { sweep_loop(); });
  for (const CameraPtr& camera : cameras_) camera->start();
  return {};
}

void Site::stop(std::chrono::milliseconds patience) {
  const std::lock_guard one_at_a_time(changing_);
  Cameras ending;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    stopping_.notify_all();
    ending = cameras_;
    ending.insert(ending.end(), retired_.begin(), retired_.end());
    retired_.clear();
  }
  if (sweeper_.joinable()) sweeper_.join();
  for (const CameraPtr& camera : ending) camera->request_stop();
  const TimePoint latest = Clock::now() + patience;
  for (const CameraPtr& camera : ending) {
    if (camera->join_until(latest)) continue;
    log(LogLevel::kError, "site", "camera '{}' does not end: nobody waits for it any more",
        camera->config().name);
    const std::lock_guard lock(mutex_);
    stuck_.push_back(camera);
  }
  queue_.close();  // what is queued is still analysed
  if (analysis_.joinable()) analysis_.join();
  if (desk_) desk_->close();
  for (const auto& worker : workers_) {
    const auto closed = worker->close(std::max<Duration>(kSinksLeast, latest - Clock::now()));
    if (!closed) log(LogLevel::kError, "sink", "{}: {}", worker->name(), closed.error().message);
  }
}

bool Site::has_stuck_cameras() const {
  const std::lock_guard lock(mutex_);
  return !stuck_.empty();
}

bool Site::all_ended() const {
  const Cameras cameras = snapshot();
  return std::all_of(cameras.begin(), cameras.end(),
                     [](const CameraPtr& camera) { return camera->ended(); });
}

Site::Cameras Site::snapshot() const {
  const std::lock_guard lock(mutex_);
  return cameras_;
}

std::vector<CameraStatus> Site::cameras() const {
  std::vector<CameraStatus> all;
  for (const CameraPtr& camera : snapshot()) all.push_back(camera->status());
  return all;
}

Result<CameraStatus> Site::camera(std::string_view name) const {
  const Cameras cameras = snapshot();
  std::vector<std::string_view> names;
  for (const CameraPtr& camera : cameras) {
    if (camera->config().name == name) return camera->status();
    names.push_back(camera->config().name);
  }
  return Error{ErrorCode::kNotFound,
               fmt::format("no camera '{}'{}", name, suggestion(name, names))};
}

std::vector<SinkStatus> Site::sinks() const {
  std::vector<SinkStatus> all;
  for (const auto& worker : workers_) all.push_back(worker->status());
  return all;
}

Site::Cameras::iterator Site::find_locked(std::string_view name) {
  return std::find_if(cameras_.begin(), cameras_.end(),
                      [name](const CameraPtr& camera) { return camera->config().name == name; });
}

// Of a camera that comes through a door.
Result<void> Site::check_url(const std::string& url) const {
  if (has_hidden_secrets(url)) {
    return Error{ErrorCode::kInvalidArgument,
                 "url: *** stands for a password or value that is hidden; write it out, or give "
                 "the camera's URL back as it was shown"};
  }
  return check_reach_of_door(url, config_.allow_urls);
}

Result<void> Site::add(const CameraConfig& config) {
  SHOAL_TRY(check_url(config.url));
  const std::lock_guard one_at_a_time(changing_);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Error{ErrorCode::kCancelled, "shutting down"};
    if (find_locked(config.name) != cameras_.end()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("there is a camera '{}' already", config.name)};
    }
    if (cameras_.size() + retired_.size() >= kCamerasMax) {
      return Error{ErrorCode::kQueueFull, fmt::format("there are {} cameras already", kCamerasMax)};
    }
  }
  CameraPtr camera = SHOAL_TRY(make_camera(config, nullptr));
  {
    const std::lock_guard lock(mutex_);
    cameras_.push_back(camera);
    if (running_) camera->start();
  }
  save_state();
  return {};
}

Result<void> Site::change(std::string_view name, const CameraConfig& wanted) {
  const std::lock_guard one_at_a_time(changing_);
  std::shared_ptr<CameraCounters> counters;
  CameraConfig config = wanted;
  {
    const std::lock_guard lock(mutex_);
    const auto found = find_locked(name);
    if (stopped_) return Error{ErrorCode::kCancelled, "shutting down"};
    if (found == cameras_.end()) {
      return Error{ErrorCode::kNotFound, fmt::format("no camera '{}'", name)};
    }
    if (config.name != name && find_locked(config.name) != cameras_.end()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("there is a camera '{}' already", config.name)};
    }
    counters = (*found)->counters();
    // Doors show URLs with *** for what is secret, and get them back so.
    const std::string& known = (*found)->config().url;
    config.url = with_secrets_of(config.url, known);
    if (config.url != known) SHOAL_TRY(check_url(config.url));
  }
  CameraPtr camera = SHOAL_TRY(make_camera(config, std::move(counters)));
  {
    const std::lock_guard lock(mutex_);
    const auto found = find_locked(name);
    retire_locked(std::exchange(*found, camera));
    if (running_) camera->start();
  }
  save_state();
  return {};
}

Result<void> Site::remove(std::string_view name) {
  const std::lock_guard one_at_a_time(changing_);
  {
    const std::lock_guard lock(mutex_);
    const auto found = find_locked(name);
    if (found == cameras_.end()) {
      return Error{ErrorCode::kNotFound, fmt::format("no camera '{}'", name)};
    }
    CameraPtr camera = std::move(*found);
    cameras_.erase(found);
    retire_locked(std::move(camera));
  }
  save_state();
  return {};
}

// Its thread may be waiting for a silent network: nobody waits for it here.
void Site::retire_locked(CameraPtr camera) {
  camera->request_stop();
  if (running_) retired_.push_back(std::move(camera));
}

Result<void> Site::set_paused(std::string_view name, bool paused) {
  const std::lock_guard one_at_a_time(changing_);
  {
    const std::lock_guard lock(mutex_);
    const auto found = find_locked(name);
    if (found == cameras_.end()) {
      return Error{ErrorCode::kNotFound, fmt::format("no camera '{}'", name)};
    }
    (*found)->set_paused(paused);
  }
  save_state();
  return {};
}

// What cannot be kept is said; the change stands all the same.
void Site::save_state() {
  std::vector<CameraConfig> now;
  for (const CameraPtr& camera : snapshot()) {
    now.push_back(camera->config());
    now.back().paused = camera->paused();
  }
  if (const auto saved = state_.save(now); !saved) {
    log(LogLevel::kError, "site", "{}", saved.error().message);
  }
}

void Site::watch(std::uint64_t camera, bool watching) {
  const std::lock_guard lock(mutex_);
  for (const CameraPtr& one : cameras_) {
    if (one->identity().number == camera) one->watchers.fetch_add(watching ? 1 : -1);
  }
}

void Site::add_listener(CameraListener& listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.push_back(&listener);
}

void Site::remove_listener(CameraListener& listener) {
  const std::lock_guard lock(listeners_mutex_);
  std::erase(listeners_, &listener);
}

// Lets go of removed cameras once their threads have ended.
void Site::sweep_loop() {
  pthread_setname_np(pthread_self(), "sweep");
  for (;;) {
    Cameras over;
    std::unique_lock lock(mutex_);
    if (stopping_.wait_for(lock, kSweepPeriod, [this] { return stopped_; })) return;
    for (CameraPtr& camera : retired_) {
      if (camera->ended() && !camera->is_queued()) over.push_back(std::move(camera));
    }
    std::erase(retired_, nullptr);
    lock.unlock();
    over.clear();  // outside the lock: it waits for what a lane still has of them
  }
}

}  // namespace shoal
