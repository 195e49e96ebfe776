// One camera of a site: its reader, its slot in front of the lanes, its scene, and what is known of
// it. Site owns these; the analysis thread runs analyse().
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/camera_result.h"
#include "pipeline/camera_control.h"
#include "pipeline/camera_counters.h"
#include "pipeline/camera_reader.h"
#include "pipeline/camera_scene.h"
#include "pipeline/frame_aligner.h"
#include "pipeline/frame_slot.h"
#include "pipeline/model_registry.h"
#include "pipeline/site_config.h"
#include "shoal/result.h"

namespace shoal {

class SiteCamera;

// What becomes of a camera's results. Called by the analysis thread.
class CameraOutlet {
 public:
  virtual ~CameraOutlet() = default;
  // A buffer for the next result; empty where all are out, and the frame is dropped.
  [[nodiscard]] virtual CameraResultLease result_buffer() = 0;
  // The same for one with pixels, of which there are fewer.
  [[nodiscard]] virtual CameraResultLease picture_buffer() = 0;
  [[nodiscard]] virtual bool wants_pictures(const SiteCamera& camera) const = 0;
  // Gives the tracks that begin with `result` their picture, where a sink wants it. `pixels` are of
  // its frame; they may be empty.
  virtual void picture_tracks(const SiteCamera& camera, CameraResult& result,
                              const Frame& pixels) = 0;
  // `picture` is the same result with its pixels; it may be empty.
  virtual void publish(const SiteCamera& camera, CameraResultLease result,
                       CameraResultLease picture) = 0;
  // `pixels` are of the frame that made it true; they may be empty.
  virtual void raise(const SiteCamera& camera, CameraScene::Raised raised, const Frame& pixels,
                     TimePoint captured) = 0;
};

// Threads  analyse() by one thread at a time; the rest by any.
class SiteCamera {
 public:
  struct Parts {
    CameraConfig config;
    std::shared_ptr<const CameraIdentity> identity;
    const ModelRegistry* models = nullptr;
    std::unique_ptr<CameraScene> scene;
    std::shared_ptr<CameraCounters> counters;  // of the camera before a change, or new
    std::shared_ptr<CameraTap> tap;            // may be null
    std::function<void()> wake;                // there is something to analyse
    FrameAligner* aligner = nullptr;           // outlives the camera; used where it aligns
    DecodeTurns* turns = nullptr;              // outlives the camera
  };
  explicit SiteCamera(Parts parts);

  void start() { reader_.start(); }
  void request_stop() { reader_.request_stop(); }
  [[nodiscard]] bool join_until(TimePoint latest) { return reader_.join_until(latest); }
  [[nodiscard]] bool ended() const { return reader_.ended(); }
  void set_paused(bool paused) { reader_.set_paused(paused); }
  [[nodiscard]] bool paused() const { return reader_.paused(); }

  // Everything that has come back from the lanes.
  void analyse(CameraOutlet& outlet);

  [[nodiscard]] CameraStatus status() const;
  [[nodiscard]] const CameraConfig& config() const { return parts_.config; }
  [[nodiscard]] const CameraIdentity& identity() const { return *parts_.identity; }
  [[nodiscard]] std::shared_ptr<CameraCounters> counters() const { return parts_.counters; }
  [[nodiscard]] CameraTap* tap() const { return parts_.tap.get(); }

  // True for the caller that has to queue it for analysis.
  [[nodiscard]] bool mark_queued() { return !queued_.exchange(true); }
  void unmark_queued() { queued_.store(false); }
  [[nodiscard]] bool is_queued() const { return queued_.load(); }

  std::atomic<int> watchers{0};  // pages that show it

 private:
  void publish(CameraOutlet& outlet, CameraResultLease result);
  void remember(const CameraResult& result);
  void show_failing(CameraStatus& status) const;

  Parts parts_;
  FrameSlot slot_;
  CameraReader reader_;  // after what it uses
  FinishedFrame current_;
  std::atomic<bool> queued_{false};

  mutable std::mutex mutex_;  // guards what follows: of the last result
  std::uint32_t tracks_ = 0;
  std::vector<std::uint32_t> zone_counts_;
  std::vector<LineCount> line_counts_;
};

}  // namespace shoal
