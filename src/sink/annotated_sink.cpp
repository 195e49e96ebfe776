// `--save`: sorts outcomes into picture files and videos.
#include "sink/annotated_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "sink/annotate.h"
#include "sink/output_file.h"
#include "sink/picture_copy.h"
#include "sink/picture_encoder.h"
#include "sink/source_name.h"
#include "sink/video_writer.h"

namespace shoal {
namespace {

constexpr int kJpegQuality = 90;

// ".jpg" -> ".jpg", ".PNG" -> ".PNG", ".jpeg" -> ".jpeg", ".webp" -> ".jpg".
std::string picture_suffix(const std::string& source, Size size) {
  // Of a URL without what follows its path.
  const bool url = source.find("://") != std::string::npos;
  const std::string path = url ? source.substr(0, source.find_first_of("?#")) : source;
  std::string suffix = std::filesystem::path(path).extension().string();
  std::string lower = suffix;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == ".png") return suffix;
  if (std::max(size.width, size.height) > PictureEncoder::kMaxJpegSide) return ".png";
  return lower == ".jpg" || lower == ".jpeg" ? suffix : ".jpg";
}

bool is_png(std::string_view suffix) {
  return suffix.size() == 4 && (suffix[1] == 'p' || suffix[1] == 'P');
}

std::string counted(std::int64_t count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

class AnnotatedSink final : public Sink {
 public:
  explicit AnnotatedSink(AnnotatedOptions options)
      : directory_(std::move(options.directory)),
        max_open_videos_(static_cast<std::size_t>(std::max(1, options.max_open_videos))),
        annotator_(std::move(options.class_names)) {
    while (directory_.size() > 1 && directory_.back() == '/') directory_.pop_back();
    for (const std::string& folder : options.input_folders) {
      holds_inputs_ = holds_inputs_ || is_directory(folder);
    }
  }

  std::string name() const override { return directory_ + "/"; }
  bool wants_pixels() const override { return true; }

  Result<void> write(const Outcome& outcome) override {
    if (outcome.error) return {};
    const ImageView view = outcome.pixels.view();
    if (view.data == nullptr || view.size.width <= 0 || view.size.height <= 0) {
      return Error{ErrorCode::kInternal,
                   fmt::format("{}: came without pixels to draw on", outcome.source)};
    }
    return is_video_frame(outcome) ? write_video(outcome, view) : write_picture(outcome, view);
  }

  Result<void> finish() override {
    Result<void> result;
    for (auto& [source, video] : videos_) {
      auto finished = close(video);
      if (!finished && result) result = std::move(finished);
    }
    return result;
  }

  std::string written() const override {
    if (video_files_ == 0) return counted(pictures_, "picture");
    std::string text = counted(video_files_, "video");
    if (pictures_ > 0) text = counted(pictures_, "picture") + ", " + text;
    return text;
  }

 private:
  struct Video {
    std::string stem;
    int parts = 0;
    std::int64_t last_use = 0;
    std::unique_ptr<VideoWriter> writer;  // null while closed
  };

  bool is_directory(const std::string& folder) const {
    std::error_code ignored;
    return std::filesystem::equivalent(folder.empty() ? "." : folder, directory_, ignored);
  }

  // The pixels in rows of `padded`, with the boxes.
  Result<Canvas> drawn(const Outcome& outcome, const ImageView& view, Size padded) {
    const Canvas canvas = SHOAL_TRY(copy_rgb(pixels_, view, padded, outcome.source));
    annotator_.draw(canvas, outcome.size, outcome.detections);
    return canvas;
  }

  Result<void> write_picture(const Outcome& outcome, const ImageView& view) {
    const Canvas canvas = SHOAL_TRY(drawn(outcome, view, view.size));
    const std::string suffix = picture_suffix(outcome.source, view.size);
    std::string stem = source_stem(outcome.source);
    if (is_input_folder(outcome.source)) stem += ".annotated";
    const std::string path =
        directory_ + "/" + names_.claim(outcome.source, stem, suffix);
    const ImageView image = {canvas.data, canvas.size, canvas.pitch_bytes, canvas.format};
    const auto bytes =
        SHOAL_TRY(is_png(suffix) ? encoder_.png(image) : encoder_.jpeg(image, kJpegQuality));
    SHOAL_TRY(write_file(path, bytes));
    ++pictures_;
    return {};
  }

  // Whether `directory` holds inputs of this run, as far as is known by now.
  bool is_input_folder(const std::string& source) {
    if (holds_inputs_ || source.find("://") != std::string::npos) return holds_inputs_;
    std::string folder = std::filesystem::path(source).parent_path().string();
    if (!checked_ || folder != checked_folder_) {
      checked_ = true;
      checked_folder_ = std::move(folder);
      holds_inputs_ = is_directory(checked_folder_);
    }
    return holds_inputs_;
  }

  Result<void> write_video(const Outcome& outcome, const ImageView& view) {
    const Size padded = VideoWriter::padded(view.size);
    Video& video = videos_[outcome.source];
    video.last_use = ++uses_;
    if (video.writer && video.writer->size() != padded) SHOAL_TRY(close(video));
    if (!video.writer) SHOAL_TRY(open(video, outcome.source, padded));
    const Canvas canvas = SHOAL_TRY(drawn(outcome, view, padded));
    repeat_edges(canvas, padded);
    return video.writer->write({canvas.data, padded, canvas.pitch_bytes, canvas.format},
                               *outcome.media_time);
  }

  Result<void> open(Video& video, const std::string& source, Size padded) {
    SHOAL_TRY(close_least_used());
    if (video.parts == 0) {
      std::string stem = source_stem(source);
      if (is_input_folder(source)) stem += ".annotated";
      video.stem = names_.claim(source, stem, ".mp4");
      video.stem.resize(video.stem.size() - 4);
    }
    ++video.parts;
    const std::string file =
        video.parts == 1
            ? video.stem + ".mp4"
            : names_.claim(source, fmt::format("{}-part{}", video.stem, video.parts), ".mp4");
    video.writer = std::make_unique<VideoWriter>(
        SHOAL_TRY(VideoWriter::open(directory_ + "/" + file, padded)));
    ++video_files_;
    return {};
  }

  Result<void> close_least_used() {
    Video* oldest = nullptr;
    std::size_t open = 0;
    for (auto& [source, video] : videos_) {
      if (!video.writer) continue;
      ++open;
      if (oldest == nullptr || video.last_use < oldest->last_use) oldest = &video;
    }
    if (open < max_open_videos_) return {};
    return close(*oldest);
  }

  static Result<void> close(Video& video) {
    if (!video.writer) return {};
    const auto writer = std::exchange(video.writer, nullptr);
    return writer->finish();
  }

  std::string directory_;
  std::size_t max_open_videos_;
  Annotator annotator_;
  PictureEncoder encoder_;
  PixelBuffer pixels_;
  OutputNames names_;
  bool holds_inputs_ = false;
  bool checked_ = false;
  std::string checked_folder_;
  std::unordered_map<std::string, Video> videos_;  // by source
  std::int64_t uses_ = 0;
  std::int64_t pictures_ = 0;
  std::int64_t video_files_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> create_annotated_sink(AnnotatedOptions options) {
  SHOAL_TRY(make_folder(options.directory));
  return std::unique_ptr<Sink>(std::make_unique<AnnotatedSink>(std::move(options)));
}

}  // namespace shoal
