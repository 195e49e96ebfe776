#include "pipeline/camera_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/suggest.h"

namespace shoal {
namespace {

Result<std::vector<std::int32_t>> class_numbers(const std::vector<std::string>& wanted,
                                                const std::vector<std::string>& names,
                                                std::string_view what) {
  std::vector<std::int32_t> numbers;
  for (const std::string& name : wanted) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      const std::vector<std::string_view> known(names.begin(), names.end());
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: the model has no class '{}'{}", what, name,
                               suggestion(name, known))};
    }
    numbers.push_back(static_cast<std::int32_t>(found - names.begin()));
  }
  return numbers;
}

ScenePolygon polygon_of(const std::vector<RelativePoint>& points) {
  ScenePolygon polygon;
  for (const RelativePoint& point : points) polygon.push_back({point.x, point.y});
  return polygon;
}

}  // namespace

Result<SceneOptions> scene_options(const CameraConfig& config,
                                   const std::vector<std::string>& class_names,
                                   std::function<TrackId()> next_id) {
  SceneOptions options;
  options.track = config.track;
  options.classes = SHOAL_TRY(class_numbers(config.classes, class_names, config.name));
  options.confidence = config.confidence;
  options.region = polygon_of(config.region);
  for (const auto& mask : config.masks) options.masks.push_back(polygon_of(mask));
  for (const ZoneConfig& zone : config.zones) {
    options.zones.push_back(
        {.polygon = polygon_of(zone.polygon),
         .classes = SHOAL_TRY(class_numbers(zone.classes, class_names,
                                            config.name + ", zone " + zone.name)),
         .dwell = zone.dwell});
  }
  for (const LineConfig& line : config.lines) {
    options.lines.push_back(
        {.from = {line.from.x, line.from.y},
         .to = {line.to.x, line.to.y},
         .classes = SHOAL_TRY(class_numbers(line.classes, class_names,
                                            config.name + ", line " + line.name))});
  }
  options.next_id = std::move(next_id);
  return options;
}

CameraScene::CameraScene(std::shared_ptr<const CameraIdentity> identity,
                         std::unique_ptr<Scene> scene)
    : identity_(std::move(identity)), scene_(std::move(scene)) {}

Result<std::unique_ptr<CameraScene>> CameraScene::create(
    const CameraConfig& config, std::shared_ptr<const CameraIdentity> identity,
    const std::vector<AlarmConfig>& alarms, std::function<TrackId()> next_id) {
  auto options = SHOAL_TRY(scene_options(config, identity->class_names, std::move(next_id)));
  auto scene = SHOAL_TRY(Scene::create(std::move(options)));
  std::unique_ptr<CameraScene> made(new CameraScene(std::move(identity), std::move(scene)));
  for (const AlarmConfig& alarm : alarms) {
    const auto& cameras = alarm.cameras;
    const bool named = std::find(cameras.begin(), cameras.end(), config.name) != cameras.end();
    if (!cameras.empty() && !named) continue;
    auto rule = SHOAL_TRY(AlarmRule::parse(alarm.when));
    // Where a rule names its cameras its classes are theirs; else another camera's model may know.
    if (!cameras.empty()) {
      SHOAL_TRY(class_numbers(rule.classes(), made->identity_->class_names,
                              config.name + ", alarm " + alarm.when));
    }
    made->watches_.push_back({alarm, AlarmWatch(std::move(rule), alarm.cooldown)});
  }
  return made;
}

void CameraScene::describe(CameraResult& result) const {
  result.camera = identity_;
  result.frame = frame_;
  result.captured = captured_;
  result.captured_at = captured_at_;
  Outcome& outcome = result.outcome;
  outcome.source = identity_->name;
  outcome.stream = StreamId{static_cast<std::uint32_t>(identity_->number)};
  outcome.frame = FrameId{frame_};
  outcome.size = size_;
  outcome.damaged.reset();
}

void CameraScene::analyse(CameraResult& result, FinishedFrame& finished) {
  const CameraFrame& frame = finished.frame;
  // Clocks of streams are corrected now and then; what follows needs them to rise.
  captured_ = std::max(captured_, frame.captured);
  captured_at_ = frame.captured_at;
  frame_ = frame.number;
  size_ = frame.pixels.source_size;
  describe(result);
  result.inferred = finished.kind == FinishedKind::kInferred;
  Outcome& outcome = result.outcome;
  outcome.media_time = frame.media_time;
  outcome.error = std::move(finished.error);
  finished.error.reset();
  outcome.times = finished.times;
  outcome.batch = finished.batch;
  outcome.batch_size = finished.batch_size;
  outcome.padding = finished.padding;
  std::swap(outcome.detections, finished.detections);
  if (result.inferred) {
    scene_->update(result);
  } else {
    scene_->carry(result);
  }
}

void CameraScene::end_tracks(CameraResult& result) {
  describe(result);
  result.inferred = false;
  Outcome& outcome = result.outcome;
  outcome.media_time.reset();
  outcome.error.reset();
  outcome.times = {};
  outcome.batch = {};
  outcome.batch_size = 0;
  outcome.padding = 0;
  outcome.detections.items.clear();
  outcome.detections.truncated = false;
  scene_->end_tracks(result);
}

std::vector<CameraScene::Raised> CameraScene::alarms(const CameraResult& result) {
  std::vector<Raised> raised;
  for (Watch& watch : watches_) {
    const auto match = watch.watch.update(result);
    if (!match) continue;
    Alarm alarm;
    alarm.id = fmt::format("{}-{}", identity_->name, ++raised_);
    alarm.rule = watch.config.name.empty() ? watch.config.when : watch.config.name;
    alarm.camera = identity_->name;
    alarm.at = result.captured_at;
    alarm.frame = result.frame;
    alarm.message = match->message;
    alarm.zone = match->zone;
    alarm.size = result.outcome.size;
    for (const std::size_t index : match->tracks) {
      const Track& track = result.tracks[index];
      const auto class_index = static_cast<std::size_t>(track.class_id);
      const auto& names = identity_->class_names;
      alarm.objects.push_back({.track = track.id,
                               .name = class_index < names.size() ? names[class_index]
                                                                  : std::to_string(class_index),
                               .confidence = track.confidence,
                               .box = track.box});
    }
    raised.push_back({std::move(alarm), &watch.config});
  }
  return raised;
}

}  // namespace shoal
