// One encoder and one open file a camera; one budget for all.
#include "sink/segment_sink.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/log.h"
#include "sink/annotate.h"
#include "sink/output_file.h"
#include "sink/picture_copy.h"
#include "sink/retention_clock.h"
#include "sink/video_writer.h"

namespace shoal {
namespace {

constexpr Duration kRetryEvery = std::chrono::seconds(10);
constexpr Duration kIdleMax = std::chrono::seconds(30);
constexpr Duration kLookEvery = std::chrono::seconds(5);
constexpr std::chrono::seconds kSilenceMax{10};
constexpr int kIntervalsMax = 5;  // of silence, before it is a gap
constexpr Colour kZoneColour = {255, 255, 255};
constexpr Colour kLineColour = {255, 230, 0};
constexpr std::string_view kNameForm = "dddd-dd-ddTdd-dd-ddZ";

std::string time_name(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::floor<std::chrono::seconds>(time));
  return fmt::format("{:%Y-%m-%dT%H-%M-%SZ}", fmt::gmtime(seconds));
}

// The time in a file's name; none where it is not of this form.
std::optional<WallTime> named_time(const std::string& stem) {
  if (stem.size() < kNameForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kNameForm.size(); ++i) {
    const bool digit = stem[i] >= '0' && stem[i] <= '9';
    if (kNameForm[i] == 'd' ? !digit : stem[i] != kNameForm[i]) return std::nullopt;
  }
  const auto rest = std::string_view(stem).substr(kNameForm.size());
  const bool numbered = rest.size() > 1 && rest[0] == '-' &&
                        rest.find_first_not_of("0123456789", 1) == std::string_view::npos;
  if (!rest.empty() && !numbered) return std::nullopt;
  std::tm parts{};
  if (::strptime(stem.c_str(), "%Y-%m-%dT%H-%M-%SZ", &parts) == nullptr) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::int64_t file_bytes(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(bytes);
}

// What is written of one camera.

struct CameraVideo {
  explicit CameraVideo(const CameraIdentity& camera)
      : number(camera.number), annotator(camera.class_names) {}
  std::uint64_t number;
  Annotator annotator;
  std::unique_ptr<VideoWriter> writer;  // null: no file is open
  std::string path;
  WallTime begin;    // of the file
  WallTime last;     // frame
  WallTime::duration interval{};  // between the last two frames
  TimePoint touched;
  std::optional<TimePoint> retry_at;
};

class SegmentSink final : public CameraSink {
 public:
  explicit SegmentSink(const SegmentOptions& options)
      : options_(options), budget_(options.limits), clock_(options.limits.keep_max) {}

  void scan() {
    std::error_code error;
    std::vector<std::pair<std::string, WallTime>> found;
    const WallTime now = std::chrono::system_clock::now();
    std::optional<WallTime> newest;
    for (std::filesystem::recursive_directory_iterator at(options_.folder, error), end;
         !error && at != end; at.increment(error)) {
      if (at.depth() > 1) at.disable_recursion_pending();
      const auto time = named_time(at->path().stem().string());
      if (at.depth() != 1 || at->path().extension() != ".mp4" || !time) continue;
      found.emplace_back(at->path().string(), *time);
      // Of a time to come: made while the clock was wrong.
      if (*time <= now) newest = std::max(newest.value_or(*time), *time);
    }
    clock_.begin(now, Clock::now(), newest);
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    for (const auto& [path, time] : found) set(path, time);
    if (error) log(LogLevel::kWarn, "video", "{}: {}", options_.folder, error.message());
    hold_budget();
  }

  std::string name() const override { return options_.folder + "/"; }
  bool wants_pixels() const override { return true; }

  Result<void> write(const CameraResult& result) override {
    const ImageView view = result.outcome.pixels.view();
    if (view.data == nullptr || view.size.width <= 0 || view.size.height <= 0) {
      // Frames that failed, or that nobody looked at, may come without pixels.
      if (result.outcome.error || !result.inferred) return {};
      return Error{ErrorCode::kInternal, result.camera->name + ": came without pixels to draw on"};
    }
    CameraVideo& video = video_of(*result.camera);
    const TimePoint now = Clock::now();
    if (video.retry_at && now < *video.retry_at) return last_error_;
    video.retry_at.reset();
    auto written = write_frame(video, result, view);
    video.touched = now;
    if (written) return {};
    // Whatever is in the file stays and plays.
    (void)close(video);
    video.retry_at = now + kRetryEvery;
    last_error_ = written.error();
    hold_budget();
    return written;
  }

  Result<void> write(const Alarm& /*alarm*/) override { return {}; }

  void tick(TimePoint now) override {
    for (auto& [name, video] : videos_) {
      if (video.writer && now - video.touched > kIdleMax) (void)close(video);
    }
    if (now < look_at_) return;
    look_at_ = now + kLookEvery;
    for (const auto& [name, video] : videos_) {
      if (video.writer) set(video.path, video.begin);
    }
    hold_budget();
  }

  Result<void> finish() override {
    Result<void> result;
    for (auto& [name, video] : videos_) {
      auto closed = close(video);
      if (!closed && result) result = std::move(closed);
    }
    return result;
  }

  std::string written() const override {
    return fmt::format("{} {}", files_, files_ == 1 ? "video" : "videos");
  }

 private:
  // A camera that was changed, or another one of that name, has other classes and colours.
  CameraVideo& video_of(const CameraIdentity& camera) {
    const auto known = videos_.find(camera.name);
    if (known != videos_.end() && known->second.number == camera.number) return known->second;
    if (known != videos_.end()) {
      (void)close(known->second);
      videos_.erase(known);
    }
    return videos_.emplace(camera.name, CameraVideo(camera)).first->second;
  }

  bool ends_before(const CameraVideo& video, const CameraResult& result, Size padded) const {
    if (video.writer->size() != padded || result.captured_at < video.last) return true;
    const auto silence = result.captured_at - video.last;
    return result.captured_at - video.begin >= options_.segment ||
           (silence > kSilenceMax && silence > video.interval * kIntervalsMax);
  }

  Result<void> write_frame(CameraVideo& video, const CameraResult& result, const ImageView& view) {
    const Size padded = VideoWriter::padded(view.size);
    if (video.writer && ends_before(video, result, padded)) SHOAL_TRY(close(video));
    if (video.last > WallTime{} && result.captured_at > video.last) {
      video.interval = result.captured_at - video.last;
    }
    video.last = result.captured_at;
    if (!video.writer) SHOAL_TRY(open(video, result, padded));
    const Canvas canvas = SHOAL_TRY(copy_rgb(pixels_, view, padded, result.camera->name));
    for (const auto& zone : result.camera->zone_shapes) {
      draw_outline(canvas, zone.data(), zone.size(), true, kZoneColour);
    }
    for (const auto& line : result.camera->line_shapes) {
      draw_outline(canvas, line.data(), line.size(), false, kLineColour);
    }
    video.annotator.draw(canvas, result.outcome.size, result.outcome.detections);
    repeat_edges(canvas, padded);
    return video.writer->write({canvas.data, padded, canvas.pitch_bytes, canvas.format},
                               result.captured_at - video.begin);
  }

  Result<void> open(CameraVideo& video, const CameraResult& result, Size padded) {
    const std::string folder = options_.folder + "/" + result.camera->name;
    SHOAL_TRY(make_folder(folder));
    const std::string stem = folder + "/" + time_name(result.captured_at);
    std::string path = stem + ".mp4";
    std::error_code ignored;
    for (int i = 2; std::filesystem::exists(path, ignored); ++i) {  // a link to nowhere is replaced
      path = fmt::format("{}-{}.mp4", stem, i);
    }
    SHOAL_TRY(make_new_file(path));
    video.writer = std::make_unique<VideoWriter>(SHOAL_TRY(VideoWriter::open(path, padded)));
    video.path = std::move(path);
    video.begin = result.captured_at;
    ++files_;
    set(video.path, video.begin);
    return {};
  }

  Result<void> close(CameraVideo& video) {
    if (!video.writer) return {};
    const auto writer = std::exchange(video.writer, nullptr);
    auto finished = writer->finish();
    set(video.path, video.begin);
    return finished;
  }

  WallTime now() { return clock_.now(std::chrono::system_clock::now(), Clock::now()); }

  // What the clock, when it was wrong, has named for a time to come grows old from now on.
  void set(const std::string& path, WallTime begin) {
    budget_.set(path, std::min(begin, now()), file_bytes(path));
  }

  void hold_budget() {
    for (const std::string& path : budget_.take_excess(now(), free_disk_bytes(options_.folder))) {
      for (auto& [name, video] : videos_) {
        if (!video.writer || video.path != path) continue;
        (void)close(video);
        budget_.erase(path);
      }
      ::unlink(path.c_str());
    }
  }

  const SegmentOptions options_;
  DiskBudget budget_;
  RetentionClock clock_;
  std::map<std::string, CameraVideo, std::less<>> videos_;  // by camera
  PixelBuffer pixels_;
  Error last_error_;
  TimePoint look_at_;
  std::int64_t files_ = 0;
};

}  // namespace

Result<std::unique_ptr<CameraSink>> create_segment_sink(const SegmentOptions& options) {
  SHOAL_TRY(make_folder(options.folder));
  if (options.segment.count() <= 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: segments of {} s; expected a length > 0", options.folder,
                             options.segment.count())};
  }
  SegmentOptions checked = options;
  while (checked.folder.size() > 1 && checked.folder.back() == '/') checked.folder.pop_back();
  auto sink = std::make_unique<SegmentSink>(checked);
  sink->scan();
  return std::unique_ptr<CameraSink>(std::move(sink));
}

}  // namespace shoal
