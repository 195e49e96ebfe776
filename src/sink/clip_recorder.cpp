// Tapes packets; makes JPEGs of frames where there are none.
#include "sink/clip_recorder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

#include "core/ffmpeg.h"
#include "core/log.h"
#include "sink/alarm_file.h"
#include "sink/picture_encoder.h"
#include "sink/video_writer.h"

namespace shoal {
namespace {

constexpr int kJpegQuality = 85;
// An alarm is raised when its frame has been analysed; packets went on coming.
constexpr Duration kLatencyMax = std::chrono::seconds(2);

// What a picture is reduced to: even sides, as video wants them.
Size reduced(Size size, int side_max) {
  const double ratio =
      std::min(1.0, static_cast<double>(side_max) / std::max({size.width, size.height, 1}));
  const auto scaled = [ratio](int side) {
    return static_cast<int>(std::lround(side * ratio)) & ~1;
  };
  return VideoWriter::padded({scaled(size.width), scaled(size.height)});
}

// Packets of both can follow each other in one file: a file that plays again, for one.
bool continues(const StreamParameters& before, const StreamParameters& after) {
  if (before == after) return true;
  if (!before || !after) return false;
  const auto* a = static_cast<const AVCodecParameters*>(before.get());
  const auto* b = static_cast<const AVCodecParameters*>(after.get());
  return a->codec_id == b->codec_id && a->width == b->width && a->height == b->height &&
         a->extradata_size == b->extradata_size &&
         (a->extradata_size == 0 || std::memcmp(a->extradata, b->extradata,
                                                static_cast<std::size_t>(a->extradata_size)) == 0);
}

}  // namespace

struct ClipRecorder::State {
  State(ClipStore& clips, const ClipRecorderOptions& the_options)
      : store(clips),
        options(the_options),
        tape(std::make_shared<PacketTape>(
            TapeLimits{.keep = the_options.before + kLatencyMax,
                       .bytes_max = the_options.bytes_max})) {}

  ClipStore& store;
  const ClipRecorderOptions options;
  std::shared_ptr<PacketTape> tape;
  TapedPacket taped;
  // The camera's thread only.
  StreamParameters parameters;
  bool gives_frames = false;
  std::optional<TimePoint> last_frame;
  Size frame_size;
  AvScaler scaler;
  PixelBuffer pixels;
  PictureEncoder encoder;

  bool scale(const ImageView& image, Size size);
};

ClipRecorder::ClipRecorder(ClipStore& store, const ClipRecorderOptions& options)
    : state_(std::make_unique<State>(store, options)) {}

ClipRecorder::~ClipRecorder() {
  state_->tape->close();
  state_->store.wake();
}

void ClipRecorder::packet(const Packet& packet, TimePoint captured) {
  State& state = *state_;
  state.gives_frames = packet.kind != PacketKind::kVideo || !packet.stream_parameters;
  if (state.gives_frames) return;
  if (!continues(state.parameters, packet.stream_parameters)) state.tape->end_section();
  state.parameters = packet.stream_parameters;
  TapedPacket& taped = state.taped;
  taped.captured = captured;
  taped.key = packet.key_frame;
  taped.orientation = packet.orientation;
  taped.size = {};
  taped.parameters = packet.stream_parameters;
  std::optional<Duration> media_time;
  if (packet.media_time) media_time = std::chrono::duration_cast<Duration>(*packet.media_time);
  if (state.tape->append(taped, media_time, packet.bytes)) state.store.wake();
}

bool ClipRecorder::wants_frame(TimePoint captured) const {
  const State& state = *state_;
  if (!state.gives_frames || state.options.frames_per_second_max <= 0) return false;
  // A tenth less: frames of 10 a second that come a little early are wanted all the same.
  const auto apart = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(0.9 / state.options.frames_per_second_max));
  return !state.last_frame || captured < *state.last_frame ||
         captured - *state.last_frame >= apart;
}

bool ClipRecorder::State::scale(const ImageView& image, Size size) {
  quiet_ffmpeg();
  std::uint8_t* data = pixels.reserve(static_cast<std::size_t>(size.width) * 3 *
                                      static_cast<std::size_t>(size.height));
  scaler.reset(sws_getCachedContext(
      scaler.release(), image.size.width, image.size.height,
      image.format == PixelFormat::kBgr8 ? AV_PIX_FMT_BGR24 : AV_PIX_FMT_RGB24, size.width,
      size.height, AV_PIX_FMT_RGB24, SWS_AREA, nullptr, nullptr, nullptr));
  if (data == nullptr || !scaler) return false;
  const int from_pitch = static_cast<int>(image.pitch_bytes);
  const int to_pitch = size.width * 3;
  return sws_scale(scaler.get(), &image.data, &from_pitch, 0, image.size.height, &data,
                   &to_pitch) == size.height;
}

void ClipRecorder::frame(const ImageView& image, TimePoint captured,
                         std::optional<std::chrono::nanoseconds> media_time) {
  State& state = *state_;
  state.last_frame = captured;
  if (image.data == nullptr || image.size.width <= 0 || image.size.height <= 0) return;
  const Size size = reduced(image.size, state.options.side_max);
  if (size != state.frame_size) {
    state.tape->end_section();
    state.frame_size = size;
  }
  if (!state.scale(image, size)) return;
  const auto jpeg = state.encoder.jpeg(
      {state.pixels.data(), size, std::ptrdiff_t{3} * size.width, PixelFormat::kRgb8},
      kJpegQuality);
  if (!jpeg) {
    log(LogLevel::kDebug, "clips", "{}", jpeg.error().message);
    return;
  }
  TapedPacket& taped = state.taped;
  taped.captured = captured;
  taped.key = true;
  taped.orientation = 1;
  taped.size = size;
  taped.parameters.reset();
  std::optional<Duration> time;
  if (media_time) time = std::chrono::duration_cast<Duration>(*media_time);
  if (state.tape->append(taped, time, *jpeg)) state.store.wake();
}

void ClipRecorder::interrupted() {
  state_->tape->end_section();
  state_->parameters.reset();
  state_->store.wake();
}

std::string ClipRecorder::start(const std::string& alarm_id, TimePoint at, Duration before,
                                Duration after) {
  if (!is_alarm_id(alarm_id)) return {};
  const auto cut = state_->tape->cut(at, before, after);
  if (!cut) return {};
  // Packets that come slower than they are shown (a file that is not live) still end.
  const Duration patience = after * 4 + std::chrono::seconds(10);
  return state_->store.begin_clip(alarm_id, state_->tape, *cut, patience) ? alarm_id + ".mp4"
                                                                          : std::string();
}

std::size_t ClipRecorder::bytes_held() const { return state_->tape->bytes_allocated(); }

}  // namespace shoal
