// Shared by VideoDecoder (files: every frame) and StreamDecoder (cameras: clean frames).
#include "decode/video_codec.h"

#include <utility>

namespace shoal {
namespace {

constexpr int kNanosecondsPerSecond = 1'000'000'000;

}  // namespace

Result<AvCodecContext> open_video_codec(const StreamParameters& stream_parameters,
                                        const std::string& name,
                                        const VideoCodecOptions& options) {
  quiet_ffmpeg();
  const auto error = [&name](ErrorCode code, const std::string& message) {
    return Error{code, name + ": " + message};
  };
  if (stream_parameters == nullptr) {
    return error(ErrorCode::kInvalidArgument, "no stream parameters; expected a video's");
  }
  const auto& parameters = *static_cast<const AVCodecParameters*>(stream_parameters.get());
  const std::string codec_name = avcodec_get_name(parameters.codec_id);
  if (std::int64_t{parameters.width} * parameters.height > options.pixels_max) {
    return error(ErrorCode::kOutOfMemory, "frames of " + std::to_string(parameters.width) + "x" +
                                              std::to_string(parameters.height) +
                                              " pixels; expected at most " +
                                              std::to_string(options.pixels_max) + " pixels");
  }
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    return error(ErrorCode::kUnsupported, "no decoder for codec " + codec_name);
  }
  AvCodecContext context(avcodec_alloc_context3(codec));
  if (!context) return error(ErrorCode::kOutOfMemory, "no memory for a video decoder");
  forget_ffmpeg_line();
  int code = avcodec_parameters_to_context(context.get(), &parameters);
  context->thread_count = options.threads;
  context->max_pixels = options.pixels_max;
  context->pkt_timebase = {1, kNanosecondsPerSecond};
  if (code >= 0) code = avcodec_open2(context.get(), codec, nullptr);
  if (code < 0) {
    return error(ErrorCode::kCorruptInput,
                 "the " + codec_name + " decoder refuses it: " + describe_ffmpeg(code));
  }
  return context;
}

void lend(AVPacket& lent, const Packet& packet) {
  lent.data = const_cast<std::uint8_t*>(packet.bytes.data());
  lent.size = static_cast<int>(packet.bytes.size());
  lent.flags = (packet.key_frame ? AV_PKT_FLAG_KEY : 0) |
               (packet.hidden ? AV_PKT_FLAG_DISCARD : 0);
  lent.pts = packet.media_time ? packet.media_time->count() : AV_NOPTS_VALUE;
  // Both, because a container without presentation times gives decoding times: FFmpeg takes the
  // one of the two that rises from frame to frame.
  lent.dts = lent.pts;
}

bool is_damaged(const AVFrame& frame) {
  return frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0;
}

std::optional<std::chrono::nanoseconds> media_time_of(const AVFrame& frame) {
  if (frame.best_effort_timestamp == AV_NOPTS_VALUE) return std::nullopt;
  return std::chrono::nanoseconds(frame.best_effort_timestamp);
}

}  // namespace shoal
