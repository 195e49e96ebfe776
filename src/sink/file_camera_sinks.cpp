// Adaptors: an outcome is handed on under its camera's name, without pixels.
#include "sink/file_camera_sinks.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "sink/coco_sink.h"
#include "sink/mot_sink.h"
#include "sink/output_file.h"
#include "sink/source_name.h"
#include "sink/yolo_txt_sink.h"

namespace shoal {
namespace {

// What the adapted sinks see of a result. Recycled.
class CameraOutcome {
 public:
  const Outcome& of(const CameraResult& result) {
    const Outcome& from = result.outcome;
    // Sinks take a source's name up to its last dot, and a camera's name may have dots.
    outcome_.source = result.camera->name;
    outcome_.source += ".camera";
    outcome_.frame = FrameId{result.frame};
    outcome_.stream = from.stream;
    // A frame of a video has a time; which one makes no difference here.
    outcome_.media_time = from.media_time.value_or(std::chrono::nanoseconds{0});
    outcome_.size = from.size;
    outcome_.error = from.error;
    outcome_.detections.items = from.detections.items;
    outcome_.detections.truncated = from.detections.truncated;
    return outcome_;
  }

 private:
  Outcome outcome_;
};

class MotCameraSink final : public CameraSink {
 public:
  explicit MotCameraSink(std::string folder) : folder_(std::move(folder)) {}

  std::string name() const override { return folder_ + "/"; }

  Result<void> write(const CameraResult& result) override {
    auto sink = sinks_.find(result.camera->number);
    if (sink == sinks_.end()) {
      const std::string file = names_.claim(result.camera->name, result.camera->name, ".txt");
      auto made = SHOAL_TRY(create_mot_sink({folder_ + "/" + file}));
      sink = sinks_.emplace(result.camera->number, std::move(made)).first;
    }
    SHOAL_TRY(sink->second->write(outcome_.of(result)));
    if (!result.outcome.error) objects_ += result.outcome.detections.items.size();
    return {};
  }

  Result<void> write(const Alarm& /*alarm*/) override { return {}; }

  Result<void> finish() override {
    Result<void> result;
    for (auto& [number, sink] : sinks_) {
      auto finished = sink->finish();
      if (!finished && result) result = std::move(finished);
    }
    return result;
  }

  std::string written() const override {
    return fmt::format("{} {}", objects_, objects_ == 1 ? "object" : "objects");
  }

 private:
  std::string folder_;
  OutputNames names_;
  std::map<std::uint64_t, std::unique_ptr<Sink>> sinks_;  // by the camera's number
  CameraOutcome outcome_;
  std::size_t objects_ = 0;
};

class CocoCameraSink final : public CameraSink {
 public:
  explicit CocoCameraSink(std::string path) : path_(std::move(path)) {}

  std::string name() const override { return path_ == "-" ? "standard output" : path_; }

  Result<void> write(const CameraResult& result) override {
    if (!result.inferred || result.outcome.error) return {};
    const bool coco = are_coco_names(result.camera->class_names);
    if (!sink_) {
      sink_ = SHOAL_TRY(create_coco_sink({path_, result.camera->class_names}));
      coco_ = coco;
    }
    if (coco != coco_) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: the classes of camera {} are numbered in another way than "
                               "those before; expected a coco sink of its own for it", path_,
                               result.camera->name)};
    }
    return sink_->write(outcome_.of(result));
  }

  Result<void> write(const Alarm& /*alarm*/) override { return {}; }

  Result<void> finish() override {
    if (!sink_) sink_ = SHOAL_TRY(create_coco_sink({path_, {}}));
    return sink_->finish();
  }

  std::string written() const override { return sink_ ? sink_->written() : "0 detections"; }

 private:
  std::string path_;
  std::unique_ptr<Sink> sink_;  // null before the first result
  bool coco_ = false;
  CameraOutcome outcome_;
};

class YoloCameraSink final : public CameraSink {
 public:
  explicit YoloCameraSink(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}

  std::string name() const override { return sink_->name(); }
  Result<void> write(const CameraResult& result) override {
    if (!result.inferred) return {};
    return sink_->write(outcome_.of(result));
  }
  Result<void> write(const Alarm& /*alarm*/) override { return {}; }
  Result<void> finish() override { return sink_->finish(); }
  std::string written() const override { return sink_->written(); }

 private:
  std::unique_ptr<Sink> sink_;
  CameraOutcome outcome_;
};

}  // namespace

Result<std::unique_ptr<CameraSink>> create_camera_mot_sink(const std::string& folder) {
  SHOAL_TRY(make_folder(folder));
  return std::unique_ptr<CameraSink>(std::make_unique<MotCameraSink>(folder));
}

Result<std::unique_ptr<CameraSink>> create_camera_coco_sink(const std::string& path) {
  // A path that cannot be written is told now, and a run without results has an empty array.
  auto probe = SHOAL_TRY(OutputFile::open(path));
  if (probe.seekable()) SHOAL_TRY(probe.append("[\n]\n"));
  SHOAL_TRY(probe.close());
  return std::unique_ptr<CameraSink>(std::make_unique<CocoCameraSink>(path));
}

Result<std::unique_ptr<CameraSink>> create_camera_yolo_sink(const std::string& folder) {
  auto sink = SHOAL_TRY(create_yolo_txt_sink({folder, true}));
  return std::unique_ptr<CameraSink>(std::make_unique<YoloCameraSink>(std::move(sink)));
}

}  // namespace shoal
