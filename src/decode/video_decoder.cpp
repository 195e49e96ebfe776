// The adapter of FFmpeg's video decoders. Times travel through FFmpeg in nanoseconds.
#include "decode/video_decoder.h"

#include <chrono>
#include <optional>
#include <utility>

#include "decode/frame_convert.h"
#include "decode/orientation.h"
#include "decode/video_codec.h"

namespace shoal {
struct VideoDecoder::State {
  std::string name;
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
  frame.media_time = media_time_of(*decoded);
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
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->context = SHOAL_TRY(open_video_codec(
      stream_parameters, state->name,
      {.threads = options.threads, .pixels_max = options.pixels_max}));
  if (!state->packet || !state->decoded) {
    return state->error(ErrorCode::kOutOfMemory, "no memory for a video decoder");
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
  lend(*state.packet, packet);
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
