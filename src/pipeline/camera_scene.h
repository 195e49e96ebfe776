// One camera's analysis, built from its configuration: names become numbers, and finished frames
// become results and alarms.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/camera_result.h"
#include "pipeline/frame_slot.h"
#include "pipeline/site_config.h"
#include "shoal/result.h"
#include "track/alarm_rule.h"
#include "track/scene.h"

namespace shoal {

// Scene options of a camera whose model has these class names.
// Errors   invalid_argument: a class that the model does not have, with a suggestion.
[[nodiscard]] Result<SceneOptions> scene_options(const CameraConfig& config,
                                                 const std::vector<std::string>& class_names,
                                                 std::function<TrackId()> next_id);

// Threads  one at a time.
class CameraScene {
 public:
  // The rules that concern this camera are taken from `alarms`.
  // Errors   as scene_options, and of AlarmRule::parse.
  [[nodiscard]] static Result<std::unique_ptr<CameraScene>> create(
      const CameraConfig& config, std::shared_ptr<const CameraIdentity> identity,
      const std::vector<AlarmConfig>& alarms, std::function<TrackId()> next_id);

  // Fills every field of `result` from a finished frame, but for its pixels, and takes the
  // detections from it by swapping.
  void analyse(CameraResult& result, FinishedFrame& finished);
  // The stream broke: tracks end. `result` is of no frame: its outcome is empty.
  void end_tracks(CameraResult& result);

  // What rules say of the result that was filled last; a clip, a picture and the part of the id in
  // front, which makes it unique, are the caller's.
  struct Raised {
    Alarm alarm;
    const AlarmConfig* rule = nullptr;
  };
  [[nodiscard]] std::vector<Raised> alarms(const CameraResult& result);

  [[nodiscard]] const CameraIdentity& identity() const { return *identity_; }

 private:
  struct Watch {
    AlarmConfig config;
    AlarmWatch watch;
  };
  CameraScene(std::shared_ptr<const CameraIdentity> identity, std::unique_ptr<Scene> scene);
  void describe(CameraResult& result) const;

  std::shared_ptr<const CameraIdentity> identity_;
  std::unique_ptr<Scene> scene_;
  std::vector<Watch> watches_;
  TimePoint captured_{};     // of the last result
  WallTime captured_at_{};
  std::uint64_t frame_ = 0;
  Size size_;
  std::uint64_t raised_ = 0;
};

}  // namespace shoal
