// The adapter of FFmpeg's video decoders. Times travel through FFmpeg in nanoseconds.
#include "decode/video_decoder.h"

#include <chrono>
#include <optional>
#include <utility>

#include "decode/frame_convert.h"
#include "decode/orientation.h"

namespace shoal {
namespace {

constexpr int kNanosecondsPerSecond = 1'000'000'000;

bool is_damaged(const AVFrame& frame) {
  return frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0;
}

}  // namespace

struct VideoDecoder::State {
  std::string name;
  StreamParameters parameters;
  AvCodecContext context;
  AvPacket packet{av_packet_alloc()};
  AvFrame decoded{av_frame_alloc()};
  FrameConverter converter{ConvertQuality::kVideo};
  PixelBuffer scratch;  // the other buffer of turn_upright
  StreamId stream{};
  int orientation = 1;
  std::uint64_t number = 0;  // of the next frame
  std::uint64_t packets = 0;
  std::uint64_t delivered = 0;
  std::uint64_t skipped = 0;
  bool flushed = false;
  bool barrenness_told = false;

  Error error(ErrorCode code, const std::string& message) const {
    return {code, name + ": " + message};
  }

  // A frame that will not be shown keeps its number, so that the later ones keep theirs.
  void skip_frame() {
    ++skipped;
    ++number;
  }

  Result<void> deliver(Frame& frame);
  Result<bool> end();
};

Result<void> VideoDecoder::State::deliver(Frame& frame) {
  SHOAL_TRY(converter.convert(frame, *decoded));
  SHOAL_TRY(turn_upright(frame, scratch, orientation));
  frame.source_size = frame.size;
  frame.stream = stream;
  frame.id = FrameId{number};
  frame.media_time.reset();
  if (decoded->best_effort_timestamp != AV_NOPTS_VALUE) {
    frame.media_time = std::chrono::nanoseconds(decoded->best_effort_timestamp);
  }
  return {};
}

Result<bool> VideoDecoder::State::end() {
  if (flushed && delivered == 0 && packets > 0 && !barrenness_told) {
    barrenness_told = true;
    return error(ErrorCode::kCorruptInput,
                 "not one frame could be decoded from " + std::to_string(packets) +
                     (packets == 1 ? " packet" : " packets"));
  }
  return false;
}

VideoDecoder::VideoDecoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoDecoder::~VideoDecoder() = default;

Result<std::unique_ptr<VideoDecoder>> VideoDecoder::create(
    const StreamParameters& stream_parameters, std::string name,
    const VideoDecoderOptions& options) {
  quiet_ffmpeg();
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->parameters = stream_parameters;
  if (stream_parameters == nullptr) {
    return state->error(ErrorCode::kInvalidArgument, "no stream parameters; expected a video's");
  }
  const auto& parameters = *static_cast<const AVCodecParameters*>(stream_parameters.get());
  const std::string codec_name = avcodec_get_name(parameters.codec_id);
  if (std::int64_t{parameters.width} * parameters.height > options.pixels_max) {
    return state->error(ErrorCode::kOutOfMemory,
                        "frames of " + std::to_string(parameters.width) + "x" +
                            std::to_string(parameters.height) + " pixels; expected at most " +
                            std::to_string(options.pixels_max) + " pixels");
  }
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    return state->error(ErrorCode::kUnsupported, "no decoder for codec " + codec_name);
  }
  state->context.reset(avcodec_alloc_context3(codec));
  if (!state->context || !state->packet || !state->decoded) {
    return state->error(ErrorCode::kOutOfMemory, "no memory for a video decoder");
  }
  forget_ffmpeg_line();
  int code = avcodec_parameters_to_context(state->context.get(), &parameters);
  state->context->thread_count = options.threads;
  state->context->max_pixels = options.pixels_max;
  state->context->pkt_timebase = {1, kNanosecondsPerSecond};
  if (code >= 0) code = avcodec_open2(state->context.get(), codec, nullptr);
  if (code < 0) {
    return state->error(ErrorCode::kCorruptInput,
                        "the " + codec_name + " decoder refuses it: " + describe_ffmpeg(code));
  }
  return std::unique_ptr<VideoDecoder>(new VideoDecoder(std::move(state)));
}

Result<void> VideoDecoder::send(const Packet& packet) {
  State& state = *state_;
  if (packet.kind != PacketKind::kVideo) {
    return state.error(ErrorCode::kInvalidArgument, "expected a packet of a video");
  }
  if (state.flushed) {
    return state.error(ErrorCode::kInvalidArgument, "a packet after the end of the video");
  }
  if (packet.bytes.empty()) return {};  // FFmpeg would take it for the end
  state.stream = packet.stream;
  state.orientation = packet.orientation;
  // Without a buffer of its own the packet is copied by FFmpeg, with the padding that its bit
  // readers need. They do not write.
  state.packet->data = const_cast<std::uint8_t*>(packet.bytes.data());
  state.packet->size = static_cast<int>(packet.bytes.size());
  state.packet->flags = (packet.key_frame ? AV_PKT_FLAG_KEY : 0) |
                        (packet.hidden ? AV_PKT_FLAG_DISCARD : 0);
  state.packet->pts = packet.media_time ? packet.media_time->count() : AV_NOPTS_VALUE;
  // Both, because a container without presentation times gives decoding times: FFmpeg takes the
  // one of the two that rises from frame to frame.
  state.packet->dts = state.packet->pts;
  const int code = avcodec_send_packet(state.context.get(), state.packet.get());
  av_packet_unref(state.packet.get());
  if (code == AVERROR(EAGAIN)) {
    return state.error(ErrorCode::kInternal, "the frames of the packet before were not received");
  }
  ++state.packets;
  if (code == AVERROR(ENOMEM)) {
    return state.error(ErrorCode::kOutOfMemory, "no memory to decode a frame");
  }
  if (code < 0 && !packet.hidden) state.skip_frame();
  return {};
}

Result<void> VideoDecoder::flush() {
  State& state = *state_;
  if (state.flushed) return {};
  state.flushed = true;
  (void)avcodec_send_packet(state.context.get(), nullptr);
  return {};
}

Result<bool> VideoDecoder::receive(Frame& frame) {
  State& state = *state_;
  for (;;) {
    const int code = avcodec_receive_frame(state.context.get(), state.decoded.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return state.end();
    if (code < 0 || is_damaged(*state.decoded)) {
      // With several threads FFmpeg reports a packet that failed here, once, and goes on.
      state.skip_frame();
      continue;
    }
    auto delivered = state.deliver(frame);
    av_frame_unref(state.decoded.get());
    if (!delivered) {
      state.skip_frame();
      return state.error(delivered.error().code, delivered.error().message);
    }
    ++state.delivered;
    ++state.number;
    return true;
  }
}

std::uint64_t VideoDecoder::delivered() const { return state_->delivered; }
std::uint64_t VideoDecoder::skipped() const { return state_->skipped; }

}  // namespace shoal
