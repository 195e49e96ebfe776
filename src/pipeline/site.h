// The cameras of a site at work: readers, one analysis thread, sinks, alarms and recordings. Models
// are the registry's; doors see it as CameraControl.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/bounded_queue.h"
#include "core/camera_result.h"
#include "pipeline/alarm_desk.h"
#include "pipeline/alarm_picture.h"
#include "pipeline/camera_control.h"
#include "pipeline/decode_turns.h"
#include "pipeline/model_registry.h"
#include "pipeline/site_camera.h"
#include "pipeline/site_config.h"
#include "pipeline/site_state.h"
#include "pipeline/sink_worker.h"
#include "shoal/result.h"

namespace shoal {

// Threads  start() and stop() by one thread; CameraControl's methods by any.
class Site final : public CameraControl, private CameraOutlet {
 public:
  static constexpr std::size_t kCamerasMax = 1024;

  // Reads the state file, opens sinks, spool and recordings; there are no cameras before start().
  // `models` outlives the site; `model_names`: of [model.NAME].
  // Errors   kInvalidArgument, kUnavailable: a sink, the spool or the recordings folder cannot be
  //          opened.
  [[nodiscard]] static Result<std::unique_ptr<Site>> create(
      SiteConfig config, const ModelRegistry& models, std::span<const std::string> model_names);
  // Stops, and waits for cameras that hang: see has_stuck_cameras().
  ~Site() override;

  // Makes the configured cameras and starts them. REQUIRES: the models are loaded.
  // Errors   invalid_argument: a camera's model or classes do not exist, rules that do not parse.
  [[nodiscard]] Result<void> start();
  // Ends the cameras, gives what is on its way to the sinks, and closes them; alarms that were not
  // delivered stay in the spool. At most about `patience` for cameras and sinks together; sinks
  // have a second at least. Also of a site that was opened in part. Idempotent.
  void stop(std::chrono::milliseconds patience);

  // After stop(): threads of cameras did not end in time. Everything is closed and written by then,
  // but they still use the site: who cannot wait for them ends the process.
  [[nodiscard]] bool has_stuck_cameras() const;

  // Nothing more will come: every camera has ended.
  [[nodiscard]] bool all_ended() const;

  [[nodiscard]] std::vector<CameraStatus> cameras() const override;
  [[nodiscard]] Result<CameraStatus> camera(std::string_view name) const override;
  [[nodiscard]] std::vector<SinkStatus> sinks() const override;
  [[nodiscard]] Result<void> add(const CameraConfig& config) override;
  [[nodiscard]] Result<void> change(std::string_view name, const CameraConfig& wanted) override;
  [[nodiscard]] Result<void> remove(std::string_view name) override;
  [[nodiscard]] Result<void> set_paused(std::string_view name, bool paused) override;
  [[nodiscard]] std::vector<std::shared_ptr<const Alarm>> alarms(
      std::size_t count, std::string_view before) const override;
  [[nodiscard]] Result<std::string> clip_file(std::string_view alarm_id) const override;
  void add_listener(CameraListener& listener) override;
  void remove_listener(CameraListener& listener) override;
  void watch(std::uint64_t camera, bool watching) override;

 private:
  using CameraPtr = std::shared_ptr<SiteCamera>;
  using Cameras = std::vector<CameraPtr>;

  Site(SiteConfig config, const ModelRegistry& models, SiteState state);
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<CameraPtr> make_camera(const CameraConfig& config,
                                              std::shared_ptr<CameraCounters> counters);
  [[nodiscard]] Cameras::iterator find_locked(std::string_view name);
  [[nodiscard]] Cameras snapshot() const;
  void retire_locked(CameraPtr camera);
  [[nodiscard]] Result<void> check_url(const std::string& url) const;
  void save_state();
  void analysis_loop();
  void sweep_loop();

  CameraResultLease result_buffer() override { return results_->try_acquire(); }
  CameraResultLease picture_buffer() override { return pictures_->try_acquire(); }
  bool wants_pictures(const SiteCamera& camera) const override;
  void picture_tracks(const SiteCamera& camera, CameraResult& result,
                      const Frame& pixels) override;
  void publish(const SiteCamera& camera, CameraResultLease result,
               CameraResultLease picture) override;
  void raise(const SiteCamera& camera, CameraScene::Raised raised, const Frame& pixels,
             TimePoint captured) override;

  const SiteConfig config_;
  const ModelRegistry& models_;
  std::atomic<std::uint32_t> track_ids_{0};
  std::atomic<std::uint64_t> camera_numbers_{0};

  std::unique_ptr<CameraResultPool> results_;   // outlive who holds leases of them
  std::unique_ptr<CameraResultPool> pictures_;
  std::vector<std::unique_ptr<SinkWorker>> workers_;
  bool pictures_wanted_ = false;  // by a sink
  bool track_pictures_wanted_ = false;
  std::unique_ptr<AlarmDesk> desk_;
  FrameAligner aligner_;  // outlives the cameras
  DecodeTurns turns_;     // so does this
  AlarmPainter painter_;  // the analysis thread's

  BoundedQueue<std::weak_ptr<SiteCamera>> queue_{kCamerasMax * 2};
  std::thread analysis_;
  std::thread sweeper_;

  std::mutex changing_;  // one change of the cameras at a time: making one takes a while
  SiteState state_;      // guarded by changing_
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable stopping_;
  Cameras cameras_;           // in order of configuration
  Cameras retired_;           // removed; their threads end by themselves
  Cameras stuck_;             // they did not end when they were told to
  bool running_ = false;
  bool stopped_ = false;

  mutable std::mutex listeners_mutex_;  // held while listeners are called
  std::vector<CameraListener*> listeners_;
};

}  // namespace shoal
