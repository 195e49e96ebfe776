// The files of `--txt`.
#include "sink/yolo_txt_sink.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "core/json_text.h"
#include "sink/output_file.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

class YoloTxtSink final : public Sink {
 public:
  YoloTxtSink(std::string folder, bool save_conf)
      : folder_(std::move(folder)), save_conf_(save_conf) {}

  std::string name() const override { return folder_ + "/"; }

  Result<void> write(const Outcome& outcome) override {
    const std::string path = folder_ + "/" + file_name(outcome);
    if (outcome.error || outcome.detections.items.empty()) {
      // A file of an earlier run would pass for this one's result.
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return write_error(path, 0, errno);
      }
      return {};
    }
    text_.clear();
    for (const Detection& detection : outcome.detections.items) {
      append_line(detection, outcome.size);
    }
    SHOAL_TRY(write_file(path, {reinterpret_cast<const std::uint8_t*>(text_.data()),
                                text_.size()}));
    ++files_;
    return {};
  }

  Result<void> finish() override { return {}; }

  std::string written() const override {
    return fmt::format("{} {}", files_, files_ == 1 ? "file" : "files");
  }

 private:
  std::string file_name(const Outcome& outcome) {
    const auto video = video_stems_.find(outcome.source);
    if (video == video_stems_.end() && !is_video_frame(outcome)) {
      return names_.claim(outcome.source, source_stem(outcome.source), ".txt");
    }
    std::string& stem = video_stems_[outcome.source];
    if (stem.empty()) stem = names_.claim_frames(outcome.source, source_stem(outcome.source));
    return fmt::format("{}_{}.txt", stem, frame_number(outcome));
  }

  void append_line(const Detection& detection, Size picture) {
    const auto width = static_cast<float>(picture.width);
    const auto height = static_cast<float>(picture.height);
    const auto& box = detection.box;
    fmt::format_to(std::back_inserter(text_), "{} {:g} {:g} {:g} {:g}", detection.class_id,
                   (box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / height,
                   box.width() / width, box.height() / height);
    if (save_conf_) fmt::format_to(std::back_inserter(text_), " {:g}", detection.confidence);
    if (detection.track_id) {
      fmt::format_to(std::back_inserter(text_), " {}",
                     static_cast<std::uint32_t>(*detection.track_id));
    }
    text_.push_back('\n');
  }

  std::string folder_;
  bool save_conf_;
  OutputNames names_;
  std::unordered_map<std::string, std::string> video_stems_;  // by source
  fmt::memory_buffer text_;
  std::int64_t files_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> create_yolo_txt_sink(YoloTxtOptions options) {
  SHOAL_TRY(make_folder(options.directory));
  while (options.directory.size() > 1 && options.directory.back() == '/') {
    options.directory.pop_back();
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(options.directory + "/images", ignored)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{0}: looks like a data set ({0}/images is there), and its labels "
                             "would be overwritten; expected another folder", options.directory)};
  }
  const std::string folder = options.directory + "/labels";
  SHOAL_TRY(make_folder(folder));
  return std::unique_ptr<Sink>(std::make_unique<YoloTxtSink>(folder, options.save_conf));
}

}  // namespace shoal
