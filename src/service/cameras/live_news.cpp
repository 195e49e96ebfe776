#include "service/cameras/live_news.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/alarm_json.h"
#include "core/json_text.h"

namespace shoal {
namespace {

constexpr std::chrono::milliseconds kBeat{200};
constexpr std::chrono::milliseconds kSlowBeat{1'000};  // while nobody looks
constexpr std::chrono::milliseconds kStatusEvery{1'000};
constexpr std::chrono::minutes kClipPatience{10};
constexpr std::size_t kAlarmsWaiting = 1024;
constexpr std::size_t kClipsWaiting = 256;
constexpr std::size_t kHelloAlarms = 50;

SocketPeer::Bytes shared_text(const fmt::memory_buffer& text) {
  return std::make_shared<const std::string>(view_of(text));
}

// Changes where a camera appears, goes, is replaced or changes its state.
std::string shape_of(const std::vector<CameraStatus>& cameras) {
  std::string shape;
  for (const CameraStatus& camera : cameras) {
    fmt::format_to(std::back_inserter(shape), "{}\n{}\n{}\n", camera.config.name, camera.number,
                   to_string(camera.state));
  }
  return shape;
}

}  // namespace

LiveNews::LiveNews(CameraControl& control, LiveHub& hub, LiveNewsOptions options)
    : control_(control), hub_(hub), options_(std::move(options)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "live-news");
    run();
  });
  control_.add_listener(*this);
}

LiveNews::~LiveNews() {
  control_.remove_listener(*this);
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LiveNews::add(std::shared_ptr<SocketPeer> peer) {
  {
    const std::lock_guard lock(mutex_);
    newcomers_.push_back(std::move(peer));
  }
  changed_.notify_all();
}

void LiveNews::hurry() {
  {
    const std::lock_guard lock(mutex_);
    hurry_ = true;
  }
  changed_.notify_all();
}

void LiveNews::on_beat(std::function<void(TimePoint)> beat) {
  const std::lock_guard lock(mutex_);
  beats_.push_back(std::move(beat));
}

void LiveNews::alarm(const std::shared_ptr<const Alarm>& alarm) {
  {
    const std::lock_guard lock(mutex_);
    // A thousand within a beat: who looks sees the newest, and all are in /api/v1/alarms.
    if (alarms_.size() >= kAlarmsWaiting) alarms_.pop_front();
    alarms_.push_back(alarm);
  }
  changed_.notify_all();
}

bool LiveNews::has_clip(const Alarm& alarm) const {
  return !alarm.clip.empty() && control_.clip_file(alarm.id).has_value();
}

void LiveNews::append_cameras(fmt::memory_buffer& out,
                              const std::vector<CameraStatus>& cameras) const {
  append_text(out, R"("cameras":[)");
  for (std::size_t i = 0; i < cameras.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_camera_status(out, cameras[i], hub_.class_names(cameras[i].config.name));
  }
  out.push_back(']');
}

void LiveNews::append_alarms(fmt::memory_buffer& out,
                             const std::vector<std::shared_ptr<const Alarm>>& alarms) const {
  append_text(out, R"("alarms":[)");
  for (std::size_t i = 0; i < alarms.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_alarm_json(out, *alarms[i], true, has_clip(*alarms[i]));
  }
  out.push_back(']');
}

std::string LiveNews::site_text() const {
  fmt::memory_buffer out;
  append_site(out, options_.figures ? options_.figures() : SiteFigures{}, control_.sinks(),
              std::chrono::system_clock::now(), options_.version);
  return std::string(view_of(out));
}

std::string LiveNews::cameras_text() const {
  fmt::memory_buffer out;
  out.push_back('{');
  append_cameras(out, control_.cameras());
  out.push_back('}');
  return std::string(view_of(out));
}

std::string LiveNews::camera_text(const CameraStatus& status) const {
  fmt::memory_buffer out;
  append_camera_status(out, status, hub_.class_names(status.config.name));
  return std::string(view_of(out));
}

std::string LiveNews::alarms_text(std::size_t count, std::string_view before) const {
  fmt::memory_buffer out;
  out.push_back('{');
  append_alarms(out, control_.alarms(count, before));
  out.push_back('}');
  return std::string(view_of(out));
}

SocketPeer::Bytes LiveNews::hello(const std::vector<CameraStatus>& cameras) {
  const auto alarms = control_.alarms(kHelloAlarms, "");
  fmt::memory_buffer out;
  append_text(out, R"({"type":"hello","version":)");
  append_json_string(out, options_.version);
  out.push_back(',');
  append_cameras(out, cameras);
  out.push_back(',');
  append_alarms(out, alarms);
  out.push_back('}');
  for (const auto& alarm : alarms) expect_clip(*alarm, Clock::now());
  return shared_text(out);
}

SocketPeer::Bytes LiveNews::status(const std::vector<CameraStatus>& cameras) const {
  fmt::memory_buffer out;
  append_text(out, R"({"type":"status",)");
  append_cameras(out, cameras);
  append_text(out, R"(,"site":)");
  append_text(out, site_text());
  out.push_back('}');
  return shared_text(out);
}

void LiveNews::expect_clip(const Alarm& alarm, TimePoint now) {
  if (alarm.clip.empty() || has_clip(alarm)) return;
  const bool known = std::ranges::any_of(clips_, [&](const Waiting& waiting) {
    return waiting.alarm == alarm.id;
  });
  if (known) return;
  if (clips_.size() >= kClipsWaiting) clips_.pop_front();
  clips_.push_back({alarm.id, now + kClipPatience});
}

void LiveNews::look_for_clips(TimePoint now, Texts& texts) {
  std::erase_if(clips_, [&](const Waiting& waiting) {
    const Result<std::string> file = control_.clip_file(waiting.alarm);
    if (!file) return file.error().code != ErrorCode::kUnavailable || now >= waiting.until;
    fmt::memory_buffer out;
    append_text(out, R"({"type":"clip","id":)");
    append_json_string(out, waiting.alarm);
    out.push_back('}');
    texts.push_back(shared_text(out));
    return true;
  });
}

void LiveNews::run() {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    lock.unlock();
    beat(Clock::now());
    const bool looked_at = !peers_.empty() || hub_.has_viewers();
    lock.lock();
    changed_.wait_for(lock, looked_at ? kBeat : kSlowBeat, [this] {
      return closed_ || hurry_ || !newcomers_.empty() || !alarms_.empty();
    });
  }
}

void LiveNews::beat(TimePoint now) {
  std::vector<std::shared_ptr<SocketPeer>> newcomers;
  std::deque<std::shared_ptr<const Alarm>> alarms;
  std::vector<std::function<void(TimePoint)>> beats;
  {
    const std::lock_guard lock(mutex_);
    newcomers.swap(newcomers_);
    alarms.swap(alarms_);
    beats = beats_;
    hurry_ = false;
  }
  const std::vector<CameraStatus> cameras = control_.cameras();
  hub_.sync(cameras);
  for (const auto& hook : beats) hook(now);

  std::erase_if(peers_, [](const auto& peer) { return !peer->is_open(); });
  Texts texts;
  for (const auto& alarm : alarms) {
    fmt::memory_buffer out;
    append_text(out, R"({"type":"alarm","alarm":)");
    append_alarm_json(out, *alarm, true, has_clip(*alarm));
    out.push_back('}');
    texts.push_back(shared_text(out));
    expect_clip(*alarm, now);
  }
  look_for_clips(now, texts);
  std::string shape = shape_of(cameras);
  if (shape != shape_ || now - told_ >= kStatusEvery) {
    shape_ = std::move(shape);
    told_ = now;
    if (!peers_.empty()) texts.push_back(status(cameras));
  }
  for (const auto& peer : peers_) {
    for (const SocketPeer::Bytes& text : texts) peer->send_text(text);
  }
  if (newcomers.empty()) return;
  const SocketPeer::Bytes first = hello(cameras);
  const SocketPeer::Bytes second = status(cameras);
  for (auto& peer : newcomers) {
    peer->send_text(first);
    peer->send_text(second);
    peers_.push_back(std::move(peer));
  }
}

}  // namespace shoal
