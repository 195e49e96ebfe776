// The adapter of FFmpeg's still picture decoders.
#include "decode/ffmpeg_picture.h"

#include <string_view>

#include "decode/orientation.h"

namespace shoal {
namespace {

AVCodecID codec_of(PictureFormat format) {
  switch (format) {
    case PictureFormat::kJpeg: return AV_CODEC_ID_MJPEG;
    case PictureFormat::kPng: return AV_CODEC_ID_PNG;
    case PictureFormat::kWebp: return AV_CODEC_ID_WEBP;
    case PictureFormat::kBmp: return AV_CODEC_ID_BMP;
    case PictureFormat::kTiff: return AV_CODEC_ID_TIFF;
    case PictureFormat::kGif: return AV_CODEC_ID_GIF;
  }
  return AV_CODEC_ID_NONE;
}

Error broken(const PictureHeader& header, int code) {
  const bool unsupported = code == AVERROR_PATCHWELCOME ||
                           ffmpeg_line().find("not supported") != std::string::npos;
  const ErrorCode kind = code == AVERROR(ENOMEM) ? ErrorCode::kOutOfMemory
                         : unsupported           ? ErrorCode::kUnsupported
                                                 : ErrorCode::kCorruptInput;
  const std::string advice = unsupported ? "; convert it to PNG or JPEG" : "";
  return {kind, std::string(to_string(header.format)) + " cannot be decoded: " +
                    describe_ffmpeg(code) + advice};
}

}  // namespace

FfmpegPicture::FfmpegPicture()
    : packet_(av_packet_alloc()), decoded_(av_frame_alloc()), converter_(ConvertQuality::kStill) {
  quiet_ffmpeg();
}

Result<std::optional<std::string>> FfmpegPicture::decode(Frame& frame,
                                                         std::span<const std::uint8_t> bytes,
                                                         const PictureHeader& header,
                                                         std::int64_t pixels_max) {
  if (!packet_ || !decoded_) return Error{ErrorCode::kOutOfMemory, "no memory for a picture"};
  const AVCodec* codec = avcodec_find_decoder(codec_of(header.format));
  if (codec == nullptr) {
    return Error{ErrorCode::kUnsupported, "this FFmpeg was built without a decoder for " +
                                              std::string(to_string(header.format))};
  }
  const AvCodecContext context(avcodec_alloc_context3(codec));
  if (!context) return Error{ErrorCode::kOutOfMemory, "no memory for a picture decoder"};
  context->thread_count = 1;
  context->max_pixels = pixels_max;
  // Check sums are verified, and what does not hold ends the decoding instead of giving half a
  // picture that looks whole. Not so for TIFF, where a mere unknown tag would end it.
  if (header.format == PictureFormat::kPng) {
    context->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
  }
  forget_ffmpeg_line();
  int code = avcodec_open2(context.get(), codec, nullptr);
  if (code < 0) return broken(header, code);
  // Without a buffer of its own the packet is copied by FFmpeg, which adds the padding that its
  // bit readers need. They do not write.
  packet_->data = const_cast<std::uint8_t*>(bytes.data());
  packet_->size = static_cast<int>(bytes.size());
  packet_->flags = AV_PKT_FLAG_KEY;
  code = avcodec_send_packet(context.get(), packet_.get());
  av_packet_unref(packet_.get());
  if (code >= 0) code = avcodec_receive_frame(context.get(), decoded_.get());
  if (code == AVERROR(EAGAIN)) {
    (void)avcodec_send_packet(context.get(), nullptr);
    code = avcodec_receive_frame(context.get(), decoded_.get());
  }
  if (code < 0) return broken(header, code == AVERROR_EOF ? AVERROR_INVALIDDATA : code);
  // TIFF's YCbCr uses the full range (TIFF 6.0 section 21); FFmpeg leaves that unsaid.
  if (header.format == PictureFormat::kTiff) decoded_->color_range = AVCOL_RANGE_JPEG;
  auto converted = converter_.convert(frame, *decoded_);
  std::optional<std::string> damaged;
  const std::string line = ffmpeg_line();
  const bool flagged =
      decoded_->decode_error_flags != 0 || (decoded_->flags & AV_FRAME_FLAG_CORRUPT) != 0;
  // The TIFF decoder only tells its log that a strip is short.
  const bool complained = header.format == PictureFormat::kTiff && !line.empty() &&
                          line.find("unsupported tag") == std::string::npos;
  if (flagged || complained) damaged = line.empty() ? "damaged data" : line;
  av_frame_unref(decoded_.get());
  if (!converted) return std::move(converted).error();
  return damaged;
}

}  // namespace shoal
