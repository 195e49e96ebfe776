// libx264 and the MP4 muxer behind VideoWriter.
#include "sink/video_writer.h"

#include <fmt/format.h>

extern "C" {
#include <libavutil/opt.h>
}

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "core/ffmpeg.h"
#include "sink/output_file.h"

namespace shoal {
namespace {

constexpr int kTicksPerSecond = 90000;
constexpr int kFramesPerFragment = 50;  // key frames end fragments
constexpr int kMinSide = 16;            // one macroblock

// Rate control counts every frame as 1/25 s. The true times, which may vary, are in the packets.
constexpr AVRational kNominalRate = {25, 1};

// core/ffmpeg.h's handle is for inputs, which are closed in another way.
struct FreeOutput {
  void operator()(AVFormatContext* format) const {
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
};

}  // namespace

struct VideoWriter::State {
  std::string path;
  Size size;
  VideoLayout layout = VideoLayout::kFragments;
  std::unique_ptr<AVFormatContext, FreeOutput> format;
  AvCodecContext codec;
  AvScaler scaler;
  AvFrame frame;
  AvPacket packet;
  AVStream* stream = nullptr;  // owned by `format`
  std::optional<std::chrono::nanoseconds> first_time;
  std::int64_t last_tick = -1;
  std::int64_t ticks_per_frame = kTicksPerSecond / 25;
  bool failed = false;

  Result<void> open_encoder();
  Result<void> open_scaler();
  Result<void> open_file();
  Result<void> drain();
  Error write_failure(int status) const;
};

VideoWriter::VideoWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

Size VideoWriter::padded(Size size) {
  return {std::max((size.width + 1) & ~1, kMinSide), std::max((size.height + 1) & ~1, kMinSide)};
}

Size VideoWriter::size() const { return state_->size; }

Error VideoWriter::State::write_failure(int status) const {
  const std::int64_t after = format->pb != nullptr ? std::max<std::int64_t>(0, format->pb->pos) : 0;
  return write_error(path, after, status < 0 && status > -4096 ? -status : EIO);
}

Result<void> VideoWriter::State::open_encoder() {
  const AVCodec* x264 = avcodec_find_encoder_by_name("libx264");
  if (x264 == nullptr) {
    return Error{ErrorCode::kUnsupported,
                 path + ": this FFmpeg was built without libx264; expected one with it "
                        "(Debian: libavcodec59 or libavcodec-extra59)"};
  }
  codec.reset(avcodec_alloc_context3(x264));
  if (!codec) return Error{ErrorCode::kOutOfMemory, path + ": no memory for the encoder"};
  codec->width = size.width;
  codec->height = size.height;
  codec->pix_fmt = AV_PIX_FMT_YUV420P;
  codec->time_base = {1, kTicksPerSecond};
  codec->framerate = kNominalRate;
  codec->gop_size = kFramesPerFragment;
  codec->max_b_frames = 0;
  codec->color_range = AVCOL_RANGE_MPEG;
  codec->color_primaries = AVCOL_PRI_BT709;
  codec->color_trc = AVCOL_TRC_BT709;
  codec->colorspace = AVCOL_SPC_BT709;
  codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  codec->thread_count = 2;
  // A third less time than "veryfast" for files a quarter larger: the lanes need the cores.
  av_opt_set(codec->priv_data, "preset", "superfast", 0);
  av_opt_set(codec->priv_data, "crf", "23", 0);
  const int status = avcodec_open2(codec.get(), x264, nullptr);
  if (status < 0) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: libx264 refuses video of {}x{} pixels: {}", path, size.width,
                             size.height, describe_ffmpeg(status))};
  }
  return {};
}

Result<void> VideoWriter::State::open_scaler() {
  scaler.reset(sws_getContext(size.width, size.height, AV_PIX_FMT_RGB24, size.width, size.height,
                              AV_PIX_FMT_YUV420P,
                              SWS_BILINEAR | SWS_FULL_CHR_H_INP | SWS_ACCURATE_RND, nullptr,
                              nullptr, nullptr));
  frame.reset(av_frame_alloc());
  packet.reset(av_packet_alloc());
  if (!scaler || !frame || !packet) {
    return Error{ErrorCode::kOutOfMemory, path + ": no memory to convert frames"};
  }
  const int* bt709 = sws_getCoefficients(SWS_CS_ITU709);
  sws_setColorspaceDetails(scaler.get(), bt709, 1, bt709, 0, 0, 1 << 16, 1 << 16);
  frame->format = AV_PIX_FMT_YUV420P;
  frame->width = size.width;
  frame->height = size.height;
  frame->color_range = AVCOL_RANGE_MPEG;
  frame->color_primaries = AVCOL_PRI_BT709;
  frame->color_trc = AVCOL_TRC_BT709;
  frame->colorspace = AVCOL_SPC_BT709;
  if (av_frame_get_buffer(frame.get(), 0) < 0) {
    return Error{ErrorCode::kOutOfMemory, path + ": no memory for a frame"};
  }
  return {};
}

Result<void> VideoWriter::State::open_file() {
  AVFormatContext* raw = nullptr;
  // "file:" so that a colon in a folder's name is not taken for a protocol.
  const std::string url = "file:" + path;
  avformat_alloc_output_context2(&raw, nullptr, "mp4", url.c_str());
  format.reset(raw);
  stream = format ? avformat_new_stream(format.get(), nullptr) : nullptr;
  if (stream == nullptr) {
    return Error{ErrorCode::kOutOfMemory, path + ": no memory for the file's writer"};
  }
  stream->time_base = {1, kTicksPerSecond};
  avcodec_parameters_from_context(stream->codecpar, codec.get());
  int status = avio_open(&format->pb, url.c_str(), AVIO_FLAG_WRITE);
  if (status < 0) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: cannot be opened: {}; expected a file that can be written to",
                             path, describe_ffmpeg(status))};
  }
  format->flags |= AVFMT_FLAG_FLUSH_PACKETS;  // a fragment is in the file when it is complete
  AVDictionary* options = nullptr;
  av_dict_set(&options, "movflags",
              layout == VideoLayout::kFragments ? "frag_keyframe+empty_moov+default_base_moof"
                                                : "faststart",
              0);
  av_dict_set_int(&options, "video_track_timescale", kTicksPerSecond, 0);
  status = avformat_write_header(format.get(), &options);
  av_dict_free(&options);
  if (status >= 0) {
    avio_flush(format->pb);
    status = format->pb->error;
  }
  if (status < 0) return write_failure(status);
  return {};
}

Result<VideoWriter> VideoWriter::open(const std::string& path, Size size, VideoLayout layout) {
  quiet_ffmpeg();
  forget_ffmpeg_line();
  auto state = std::make_unique<State>();
  state->path = path;
  state->size = size;
  state->layout = layout;
  SHOAL_TRY(state->open_encoder());
  SHOAL_TRY(state->open_scaler());
  SHOAL_TRY(state->open_file());
  return VideoWriter(std::move(state));
}

// Moves what the encoder has ready into the file.
Result<void> VideoWriter::State::drain() {
  for (;;) {
    int status = avcodec_receive_packet(codec.get(), packet.get());
    if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return {};
    if (status < 0) {
      return Error{ErrorCode::kInternal,
                   fmt::format("{}: libx264 failed: {}", path, describe_ffmpeg(status))};
    }
    packet->stream_index = 0;
    packet->duration = ticks_per_frame;  // right for the last frame; others end at the next one
    av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
    status = av_write_frame(format.get(), packet.get());
    av_packet_unref(packet.get());
    if (status >= 0) status = format->pb->error;
    if (status < 0) return write_failure(status);
  }
}

Result<void> VideoWriter::write(const ImageView& image, std::chrono::nanoseconds time) {
  State& state = *state_;
  forget_ffmpeg_line();
  if (!state.first_time) state.first_time = time;
  const auto since = (time - *state.first_time).count();
  // Ticks of 1/90000 s, rounded; nanoseconds of 29 hours times 9 still fit in 64 bits.
  std::int64_t tick = (since / 1000 * 9 + 50) / 100;
  if (tick <= state.last_tick) tick = state.last_tick + state.ticks_per_frame;
  if (state.last_tick >= 0) state.ticks_per_frame = tick - state.last_tick;
  state.last_tick = tick;

  state.failed = true;  // until the end of this function says otherwise
  // The encoder may still hold the last frame's buffer.
  if (av_frame_make_writable(state.frame.get()) < 0) {
    return Error{ErrorCode::kOutOfMemory, state.path + ": no memory for a frame"};
  }
  const int pitch = static_cast<int>(image.pitch_bytes);
  sws_scale(state.scaler.get(), &image.data, &pitch, 0, image.size.height, state.frame->data,
            state.frame->linesize);
  state.frame->pts = tick;
  const int status = avcodec_send_frame(state.codec.get(), state.frame.get());
  if (status < 0) {
    return Error{ErrorCode::kInternal, fmt::format("{}: libx264 refuses a frame: {}", state.path,
                                                   describe_ffmpeg(status))};
  }
  SHOAL_TRY(state.drain());
  state.failed = false;
  return {};
}

Result<void> VideoWriter::finish() {
  State& state = *state_;
  Result<void> result;
  if (!state.failed) {
    avcodec_send_frame(state.codec.get(), nullptr);
    result = state.drain();
  }
  int status = av_write_trailer(state.format.get());
  avio_flush(state.format->pb);
  if (status >= 0) status = state.format->pb->error;
  const Error failure = state.write_failure(status);
  const int closed = avio_closep(&state.format->pb);
  if (status >= 0) status = closed;
  if (result && !state.failed && status < 0) return failure;
  return result;
}

}  // namespace shoal
