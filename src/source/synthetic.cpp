// Parses the specification and hands out the line's frames at the asked pace.
#include "source/synthetic.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "core/suggest.h"
#include "source/board.h"
#include "source/stop_signal.h"

namespace shoal {
namespace {

constexpr std::string_view kScheme = "synthetic:";
constexpr std::array<std::string_view, 1> kScenes = {"pcb"};
constexpr std::array<std::string_view, 6> kKeys = {"size", "fps", "seed", "frames", "defects",
                                                   "pace"};

constexpr std::int64_t kPixelsMax = std::int64_t{7680} * 4320;

struct Specification {
  LineOptions line;
  double frames_per_second = 25;
  std::optional<std::uint64_t> frames;
  Pace pace = Pace::kFast;
};

template <typename Number>
std::optional<Number> number_in(std::string_view text, Number low, Number high) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= low && value <= high)) return std::nullopt;  // also refuses NaN
  return value;
}

// One key=value into `out`. Answers what was expected, or "" where all is well.
std::string_view apply(Specification& out, std::string_view key, std::string_view value) {
  if (key == "size") {
    const std::size_t cross = value.find('x');
    const auto width = number_in(value.substr(0, cross), 16, 16'384);
    const auto height = cross == std::string_view::npos
                            ? std::nullopt
                            : number_in(value.substr(cross + 1), 16, 16'384);
    if (!width || !height) return "WIDTHxHEIGHT, each 16 to 16384, such as 1280x720";
    // The line keeps several pictures: a size that no camera has would take gigabytes.
    if (std::int64_t{*width} * *height > kPixelsMax) {
      return "at most 33,177,600 pixels, such as 7680x4320";
    }
    out.line.width = *width;
    out.line.height = *height;
  } else if (key == "fps") {
    const auto fps = number_in(value, 0.001, 1000.0);
    if (!fps) return "a number from 0.001 to 1000";
    out.frames_per_second = *fps;
  } else if (key == "seed") {
    const auto seed = number_in<std::uint64_t>(value, 0, UINT64_MAX);
    if (!seed) return "a whole number from 0";
    out.line.seed = *seed;
  } else if (key == "frames") {
    out.frames = number_in<std::uint64_t>(value, 1, INT64_MAX);
    if (!out.frames) return "a whole number from 1";
  } else if (key == "defects") {
    const auto defects = number_in(value, 0, 16);
    if (!defects) return "a whole number from 0 to 16";
    out.line.defects_a_board = *defects;
  } else {
    if (value != "live" && value != "fast") return "live or fast";
    out.pace = value == "live" ? Pace::kLive : Pace::kFast;
  }
  return "";
}

Error wrong(std::string_view spec, const std::string& message) {
  return {ErrorCode::kInvalidArgument, std::string(spec) + ": " + message};
}

Result<Specification> parse(std::string_view spec, Pace pace) {
  Specification out;
  out.pace = pace;
  if (!spec.starts_with(kScheme)) return wrong(spec, "expected synthetic:pcb");
  std::string_view rest = spec.substr(kScheme.size());
  const std::string_view scene = rest.substr(0, rest.find('?'));
  if (scene != "pcb") {
    return wrong(spec, "unknown scene '" + std::string(scene) + "'; expected pcb" +
                           suggestion(scene, kScenes));
  }
  rest.remove_prefix(std::min(rest.size(), scene.size() + 1));
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return wrong(spec, "unknown key '" + std::string(key) +
                             "'; expected size, fps, seed, frames, defects or pace" +
                             suggestion(key, kKeys));
    }
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    const std::string_view expected = apply(out, key, value);
    if (!expected.empty()) {
      return wrong(spec, std::string(key) + ": expected " + std::string(expected) + "; got '" +
                             std::string(value) + "'");
    }
  }
  return out;
}

class BoardLineSource final : public SyntheticSource {
 public:
  BoardLineSource(std::string_view name, const Specification& specification, StreamId stream)
      : name_(name), specification_(specification), stream_(stream), line_(specification.line) {}

  [[nodiscard]] Result<bool> next(Packet& packet) override {
    packet.name = name_;
    if (specification_.frames && frame_ >= *specification_.frames) return false;
    const auto time = std::chrono::nanoseconds(static_cast<std::int64_t>(
        std::llround(static_cast<double>(frame_) * 1e9 / specification_.frames_per_second)));
    const bool go_on = is_live() ? pacer_.wait_for(time) : !stop_.requested();
    if (!go_on) return Error{ErrorCode::kCancelled, name_ + ": stopped"};
    packet.kind = PacketKind::kPixels;
    packet.stream = stream_;
    packet.frame = FrameId{frame_};
    packet.size = {line_.width(), line_.height()};
    packet.key_frame = true;
    packet.hidden = false;
    packet.orientation = 1;
    packet.media_time = time;
    packet.stream_parameters.reset();
    packet.bytes.resize(static_cast<std::size_t>(line_.width()) *
                        static_cast<std::size_t>(line_.height()) * 3);
    if (!line_.draw(static_cast<std::int64_t>(frame_), packet.bytes)) {
      return Error{ErrorCode::kInternal, name_ + ": the line did not draw its frame"};
    }
    ++frame_;
    return true;
  }

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] bool is_live() const override { return specification_.pace == Pace::kLive; }
  [[nodiscard]] std::optional<std::uint64_t> item_count() const override {
    return specification_.frames;
  }
  [[nodiscard]] std::optional<VideoFormat> video_format() const override {
    return VideoFormat{.size = {line_.width(), line_.height()},
                       .frames_per_second = specification_.frames_per_second};
  }
  void request_stop() noexcept override { stop_.request(); }

  [[nodiscard]] std::vector<SyntheticTruth> truth_of(FrameId frame) const override {
    std::vector<SyntheticTruth> truth;
    for (const LineDefect& defect : line_.truth(static_cast<std::int64_t>(frame))) {
      const PixelBox& box = defect.box;
      truth.push_back({.box = {static_cast<float>(box.x0), static_cast<float>(box.y0),
                               static_cast<float>(box.x1), static_cast<float>(box.y1)},
                       .class_id = static_cast<std::int32_t>(defect.kind),
                       .track_id = defect.track_id});
    }
    return truth;
  }

 private:
  std::string name_;
  Specification specification_;
  StreamId stream_;
  BoardLine line_;
  std::uint64_t frame_ = 0;
  StopSignal stop_;
  Pacer pacer_{stop_};
};

}  // namespace

Result<void> SyntheticSource::check(std::string_view spec) {
  SHOAL_TRY(parse(spec, Pace::kFast));
  return {};
}

Result<std::unique_ptr<SyntheticSource>> SyntheticSource::create(std::string_view spec,
                                                                 const SourceOptions& options) {
  const Specification specification = SHOAL_TRY(parse(spec, options.pace));
  return std::unique_ptr<SyntheticSource>(
      std::make_unique<BoardLineSource>(spec, specification, options.stream));
}

}  // namespace shoal
