// What the page's sockets are told: the state of cameras and of the site every second and at once
// when a camera appears, goes or changes its state, alarms as they come, clips as they are ready.
// One thread asks the site and writes each text once for all.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/camera_result.h"
#include "pipeline/camera_control.h"
#include "service/cameras/camera_json.h"
#include "service/cameras/live_hub.h"
#include "service/http/socket_handler.h"

namespace shoal {

struct LiveNewsOptions {
  std::function<SiteFigures()> figures;  // null: all zero
  std::string version;
};

// Threads  all methods may be called from any thread.
class LiveNews final : public CameraListener {
 public:
  // Both outlive it.
  LiveNews(CameraControl& control, LiveHub& hub, LiveNewsOptions options);
  ~LiveNews() override;
  LiveNews(const LiveNews&) = delete;
  LiveNews& operator=(const LiveNews&) = delete;

  // Says hello to this peer, then tells it everything until it is closed.
  void add(std::shared_ptr<SocketPeer> peer);
  // Tells the hub of cameras now and not at the next beat: somebody wants to see one.
  void hurry();
  // Called about five times a second, on the thread of the news: whose patience is over?
  void on_beat(std::function<void(TimePoint now)> beat);

  [[nodiscard]] std::string site_text() const;  // SITE
  // {"cameras":[STATUS, ...]}
  [[nodiscard]] std::string cameras_text() const;
  [[nodiscard]] std::string camera_text(const CameraStatus& status) const;  // STATUS
  // {"alarms":[ALARM, ...]}
  [[nodiscard]] std::string alarms_text(std::size_t count, std::string_view before) const;

  void result(const CameraResultLease&) override {}
  void alarm(const std::shared_ptr<const Alarm>& alarm) override;

 private:
  using Texts = std::vector<SocketPeer::Bytes>;
  struct Waiting {  // a clip that is being recorded
    std::string alarm;
    TimePoint until{};
  };

  void run();
  void beat(TimePoint now);
  void append_cameras(fmt::memory_buffer& out, const std::vector<CameraStatus>& cameras) const;
  void append_alarms(fmt::memory_buffer& out,
                     const std::vector<std::shared_ptr<const Alarm>>& alarms) const;
  [[nodiscard]] bool has_clip(const Alarm& alarm) const;
  [[nodiscard]] SocketPeer::Bytes hello(const std::vector<CameraStatus>& cameras);
  [[nodiscard]] SocketPeer::Bytes status(const std::vector<CameraStatus>& cameras) const;
  void expect_clip(const Alarm& alarm, TimePoint now);
  void look_for_clips(TimePoint now, Texts& texts);

  CameraControl& control_;
  LiveHub& hub_;
  const LiveNewsOptions options_;

  std::mutex mutex_;  // guards what follows, up to the thread's own
  std::condition_variable changed_;
  bool closed_ = false;
  bool hurry_ = false;
  std::vector<std::shared_ptr<SocketPeer>> newcomers_;
  std::deque<std::shared_ptr<const Alarm>> alarms_;  // to be told; bounded
  std::vector<std::function<void(TimePoint)>> beats_;

  std::vector<std::shared_ptr<SocketPeer>> peers_;  // the thread's own, as all below
  std::deque<Waiting> clips_;                       // bounded
  std::string shape_;  // which cameras there are and how they do, as of the last beat
  TimePoint told_{};   // when the status was told last

  std::thread thread_;
};

}  // namespace shoal
