// A site without cameras, for tests and for tools/fake_site: whoever drives it says what each
// camera sees. Not part of the product.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/url_secrets.h"
#include "pipeline/camera_control.h"
#include "pipeline/site_config_check.h"

namespace shoal {

class FakeControl final : public CameraControl {
 public:
  explicit FakeControl(std::vector<std::string> class_names = {"open", "short", "mousebite"})
      : class_names_(std::move(class_names)) {}

  // -- what a test drives --

  // Fills a result and gives it to the listeners; pixels only where somebody watches the camera.
  // False: the camera is not running, or all buffers are out.
  // `fill(result, pixels)`: `pixels` is null where nobody watches, else size * 3 bytes.
  bool publish(const std::string& name, Size size,
               const std::function<void(CameraResult&, std::uint8_t*)>& fill) {
    std::shared_ptr<const CameraIdentity> identity;
    bool watched = false;
    std::uint64_t frame = 0;
    {
      const std::lock_guard lock(mutex_);
      CameraStatus* status = find(name);
      if (status == nullptr || status->state != CameraState::kRunning) return false;
      status->size = size;
      frame = status->decoded++;
      ++status->analysed;
      identity = identities_[status->number];
      watched = watchers_[status->number] > 0;
    }
    CameraResultLease lease = pool_.try_acquire();
    if (!lease) return false;
    CameraResult& result = lease.write();
    result.camera = identity;
    result.frame = frame;
    result.captured_at = std::chrono::system_clock::now();
    result.captured = Clock::now();
    result.inferred = true;
    result.tracks.clear();
    result.zone_counts.clear();
    result.line_counts.clear();
    result.outcome.size = size;
    result.outcome.detections.items.clear();
    Frame& pixels = result.outcome.pixels;
    pixels.size = watched ? size : Size{};
    pixels.source_size = size;
    pixels.pitch_bytes = std::ptrdiff_t{3} * size.width;
    const std::size_t bytes = std::size_t{3} * static_cast<std::size_t>(size.width) *
                              static_cast<std::size_t>(size.height);
    fill(result, watched ? pixels.pixels.reserve(bytes) : nullptr);
    {
      const std::lock_guard lock(mutex_);
      if (CameraStatus* status = find(name)) {
        status->zone_counts = result.zone_counts;
        status->line_counts = result.line_counts;
        status->tracks = static_cast<std::uint32_t>(result.tracks.size());
        status->age_ms = 0;
      }
    }
    const std::lock_guard lock(listening_);
    for (CameraListener* listener : listeners_) listener->result(lease);
    return true;
  }
  void raise(Alarm alarm) {
    auto shared = std::make_shared<const Alarm>(std::move(alarm));
    {
      const std::lock_guard lock(mutex_);
      alarms_.push_front(shared);
      if (alarms_.size() > 2000) alarms_.pop_back();
      if (CameraStatus* status = find(shared->camera)) ++status->alarms;
    }
    const std::lock_guard lock(listening_);
    for (CameraListener* listener : listeners_) listener->alarm(shared);
  }
  void set_clip(const std::string& alarm, std::string file) {
    const std::lock_guard lock(mutex_);
    clips_[alarm] = std::move(file);
  }
  void set_status(const std::string& name, const std::function<void(CameraStatus&)>& change) {
    const std::lock_guard lock(mutex_);
    if (CameraStatus* status = find(name)) change(*status);
  }
  void set_sinks(std::vector<SinkStatus> sinks) {
    const std::lock_guard lock(mutex_);
    sinks_ = std::move(sinks);
  }
  [[nodiscard]] int watchers(std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = watchers_.find(number);
    return found == watchers_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::size_t free_results() const { return pool_.free_count(); }
  // The configuration with the password that cameras() hides.
  [[nodiscard]] CameraConfig secret_config(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = urls_.find(name);
    for (const CameraStatus& status : cameras_) {
      if (status.config.name != name) continue;
      CameraConfig config = status.config;
      if (found != urls_.end()) config.url = found->second;
      return config;
    }
    return {};
  }

  // -- CameraControl --

  std::vector<CameraStatus> cameras() const override {
    const std::lock_guard lock(mutex_);
    return cameras_;
  }
  Result<CameraStatus> camera(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    for (const CameraStatus& status : cameras_) {
      if (status.config.name == name) return status;
    }
    return missing(name);
  }
  std::vector<SinkStatus> sinks() const override {
    const std::lock_guard lock(mutex_);
    return sinks_;
  }
  Result<void> add(const CameraConfig& config) override {
    const std::lock_guard lock(mutex_);
    if (find(config.name) != nullptr) {
      return Error{ErrorCode::kInvalidArgument, "camera '" + config.name + "' is there already"};
    }
    cameras_.emplace_back();
    put(cameras_.back(), config);
    return {};
  }
  Result<void> change(std::string_view name, const CameraConfig& config) override {
    const std::lock_guard lock(mutex_);
    CameraStatus* status = find(name);
    if (status == nullptr) return missing(name);
    CameraConfig kept = config;
    if (config.url == status->config.url) kept.url = urls_[std::string(name)];
    put(*status, kept);
    return {};
  }
  Result<void> remove(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    const auto gone = std::erase_if(cameras_, [&](const CameraStatus& status) {
      return status.config.name == name;
    });
    if (gone == 0) return missing(name);
    return {};
  }
  Result<void> set_paused(std::string_view name, bool paused) override {
    const std::lock_guard lock(mutex_);
    CameraStatus* status = find(name);
    if (status == nullptr) return missing(name);
    status->config.paused = paused;
    status->state = paused ? CameraState::kPaused : CameraState::kRunning;
    status->since = std::chrono::system_clock::now();
    return {};
  }
  std::vector<std::shared_ptr<const Alarm>> alarms(std::size_t count,
                                                   std::string_view before) const override {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<const Alarm>> found;
    for (const auto& alarm : alarms_) {
      if (found.size() == count) break;
      if (before.empty() || alarm->id < before) found.push_back(alarm);
    }
    return found;
  }
  Result<std::string> clip_file(std::string_view alarm_id) const override {
    const std::lock_guard lock(mutex_);
    const auto found = clips_.find(alarm_id);
    if (found != clips_.end()) return found->second;
    for (const auto& alarm : alarms_) {
      if (alarm->id != alarm_id || alarm->clip.empty()) continue;
      return Error{ErrorCode::kUnavailable, "the clip is being recorded"};
    }
    return Error{ErrorCode::kNotFound, "no clip of alarm '" + std::string(alarm_id) + "'"};
  }
  void add_listener(CameraListener& listener) override {
    const std::lock_guard lock(listening_);
    listeners_.push_back(&listener);
  }
  void remove_listener(CameraListener& listener) override {
    const std::lock_guard lock(listening_);
    std::erase(listeners_, &listener);
  }
  void watch(std::uint64_t camera, bool watching) override {
    const std::lock_guard lock(mutex_);
    watchers_[camera] += watching ? 1 : -1;
  }

 private:
  CameraStatus* find(std::string_view name) {
    for (CameraStatus& status : cameras_) {
      if (status.config.name == name) return &status;
    }
    return nullptr;
  }
  static Error missing(std::string_view name) {
    return {ErrorCode::kNotFound, "no camera '" + std::string(name) + "'"};
  }
  void put(CameraStatus& status, const CameraConfig& config) {
    status.config = config;
    urls_[config.name] = config.url;
    status.config.url = without_secrets(config.url);
    status.number = ++numbers_;
    status.state = config.paused ? CameraState::kPaused : CameraState::kRunning;
    status.since = std::chrono::system_clock::now();
    status.connects = 1;
    status.codec = "raw";
    CameraIdentity identity{.number = status.number, .name = config.name,
                            .class_names = class_names_, .zones = {}, .lines = {}};
    for (const ZoneConfig& zone : config.zones) identity.zones.push_back(zone.name);
    for (const LineConfig& line : config.lines) identity.lines.push_back(line.name);
    identities_[status.number] = std::make_shared<const CameraIdentity>(std::move(identity));
  }

  const std::vector<std::string> class_names_;
  CameraResultPool pool_{64};
  mutable std::mutex mutex_;
  std::vector<CameraStatus> cameras_;
  std::map<std::string, std::string> urls_;  // with their passwords
  std::map<std::uint64_t, std::shared_ptr<const CameraIdentity>> identities_;
  std::map<std::uint64_t, int> watchers_;
  std::uint64_t numbers_ = 0;
  std::vector<SinkStatus> sinks_;
  std::deque<std::shared_ptr<const Alarm>> alarms_;
  std::map<std::string, std::string, std::less<>> clips_;
  std::mutex listening_;
  std::vector<CameraListener*> listeners_;
};

}  // namespace shoal
