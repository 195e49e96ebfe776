// Who watches which camera, and pictures for them: one thread encodes each frame once for every
// width that is watched, whoever watches it. No sockets here.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/camera_result.h"
#include "pipeline/camera_control.h"
#include "service/cameras/live_picture.h"

namespace shoal {

// What a viewer wants to see.
struct ViewWish {
  bool all = false;                  // every camera, also those to come
  std::vector<std::string> cameras;  // else these; one that is not there yet is waited for
  int width = 640;                   // pixels, at most
  double fps = 10;                   // of each camera, at most; 0: every frame
  bool boxes = false;                // drawn into the picture
  friend bool operator==(const ViewWish&, const ViewWish&) = default;
};

// Threads  the hub's; must not block.
class Viewer {
 public:
  virtual ~Viewer() = default;
  virtual void picture(const std::shared_ptr<const LivePicture>& picture) = 0;
  // There is no camera of that name any more.
  virtual void gone(const std::string& camera) { (void)camera; }
};

// Threads  all methods may be called from any thread.
class LiveHub final : public CameraListener {
 public:
  // `control` outlives the hub.
  LiveHub(CameraControl& control, DrawResult draw);
  ~LiveHub() override;
  LiveHub(const LiveHub&) = delete;
  LiveHub& operator=(const LiveHub&) = delete;

  // The last wish of a viewer counts. Its owner keeps it: it is forgotten once it is gone.
  void watch(const std::shared_ptr<Viewer>& viewer, ViewWish wish);
  void forget(const Viewer* viewer);

  // Told by whoever polls the cameras; a camera begins to be seen by this.
  void sync(const std::vector<CameraStatus>& cameras);
  [[nodiscard]] bool has_viewers() const;

  // Of the camera's model, as its newest result says; empty before the first.
  [[nodiscard]] std::vector<std::string> class_names(std::string_view camera) const;

  struct Counts {
    std::uint64_t encoded = 0;    // pictures
    std::uint64_t delivered = 0;  // to viewers
    std::uint64_t replaced = 0;   // frames for which a newer one came before they were encoded
    std::uint64_t failed = 0;
  };
  [[nodiscard]] Counts counts() const;

  void result(const CameraResultLease& result) override;
  void alarm(const std::shared_ptr<const Alarm>&) override {}

 private:
  struct Watching {
    std::weak_ptr<Viewer> viewer;
    const Viewer* address = nullptr;
    ViewWish wish;
    [[nodiscard]] bool wants(const std::string& camera) const;
  };
  struct View {
    std::shared_ptr<const Watching> watching;
    TimePoint due{};  // of its next picture
  };
  struct Camera {
    std::uint64_t number = 0;
    bool present = false;  // false: watched, but not there
    bool tracked = true;
    std::uint64_t watched = 0;  // the number that control was told of; 0: none
    bool queued = false;
    CameraResultLease newest;
    std::vector<View> views;
    std::shared_ptr<const CameraIdentity> identity;
  };
  struct Job {
    CameraResultLease result;
    bool tracked = true;
    std::vector<std::shared_ptr<const Watching>> watching;
  };

  void run();
  // Under the lock: what has to be told to control, in order.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, bool>> reconcile();
  [[nodiscard]] std::optional<Job> next_job();
  void work(const Job& job);
  void drop_dead_viewers();
  void remove_views(const Viewer* viewer);

  CameraControl& control_;
  LivePainter painter_;  // of the thread
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Camera, std::less<>> cameras_;
  std::vector<std::shared_ptr<const Watching>> watchings_;
  std::deque<std::string> ready_;  // cameras with a frame to encode, in their turn
  bool dirty_ = false;             // views or numbers have changed
  bool closed_ = false;
  Counts counts_;
  std::thread thread_;
};

}  // namespace shoal
