// The lines of `--mot`.
#include "sink/mot_sink.h"

#include <fmt/format.h>

#include <filesystem>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "core/json_text.h"
#include "sink/output_file.h"
#include "sink/source_name.h"

namespace shoal {
namespace {

class MotSink final : public Sink {
 public:
  MotSink(std::string path, OutputFile file) : path_(std::move(path)), file_(std::move(file)) {
    const std::filesystem::path parts(path_);
    (void)names_.claim(path_, parts.stem().string(), parts.extension().string());
  }

  std::string name() const override { return path_; }

  Result<void> write(const Outcome& outcome) override {
    const bool video = is_video_frame(outcome);
    if (!video) ++pictures_;  // a failed picture keeps its number
    if (outcome.error) return {};
    SHOAL_TRY(choose_file(video ? outcome.source : std::string()));
    const std::uint64_t frame = video ? frame_number(outcome) : pictures_;
    lines_.clear();
    for (const Detection& detection : outcome.detections.items) {
      const std::int64_t id =
          detection.track_id ? static_cast<std::int64_t>(*detection.track_id) : -1;
      fmt::format_to(std::back_inserter(lines_),
                     "{},{},{:.2f},{:.2f},{:.2f},{:.2f},{:.4f},-1,-1,-1\n", frame, id,
                     detection.box.x1, detection.box.y1, detection.box.width(),
                     detection.box.height(), detection.confidence);
    }
    SHOAL_TRY(file_.append(view_of(lines_)));
    count_ += static_cast<std::int64_t>(outcome.detections.items.size());
    return {};
  }

  Result<void> finish() override { return file_.close(); }

  std::string written() const override {
    return fmt::format("{} {}", count_, count_ == 1 ? "object" : "objects");
  }

 private:
  // One file is open at a time, however many videos there are. The empty name: all pictures.
  Result<void> choose_file(const std::string& sequence) {
    if (paths_.empty()) paths_.emplace(sequence, path_);
    const auto known = paths_.find(sequence);
    const std::string path = known != paths_.end() ? known->second : further_path(sequence);
    if (path == file_.path() && file_.is_open()) return {};
    SHOAL_TRY(file_.close());
    file_ = SHOAL_TRY(OutputFile::open(
        path, known != paths_.end() ? OutputFile::Mode::kAppend : OutputFile::Mode::kTruncate));
    paths_.emplace(sequence, path);
    return {};
  }

  std::string further_path(const std::string& sequence) {
    const std::filesystem::path first(path_);
    const std::string stem =
        first.stem().string() + "-" + (sequence.empty() ? "pictures" : source_stem(sequence));
    return (first.parent_path() / names_.claim(sequence, stem, first.extension().string()))
        .string();
  }

  std::string path_;
  OutputFile file_;
  OutputNames names_;
  std::unordered_map<std::string, std::string> paths_;  // by sequence
  fmt::memory_buffer lines_;
  std::uint64_t pictures_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> create_mot_sink(MotOptions options) {
  OutputFile file = SHOAL_TRY(OutputFile::open(options.path));
  return std::unique_ptr<Sink>(std::make_unique<MotSink>(options.path, std::move(file)));
}

}  // namespace shoal
