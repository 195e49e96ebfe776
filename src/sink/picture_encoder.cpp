// TurboJPEG and libavcodec's PNG behind PictureEncoder.
#include "sink/picture_encoder.h"

#include <fmt/format.h>
#include <turbojpeg.h>

extern "C" {
#include <libavutil/opt.h>
}

#include <vector>

#include "core/ffmpeg.h"

namespace shoal {
namespace {

struct FreeTurbo {
  void operator()(void* handle) const { tjDestroy(handle); }
};

}  // namespace

struct PictureEncoder::State {
  std::unique_ptr<void, FreeTurbo> turbo;
  std::vector<std::uint8_t> jpeg;
  AvCodecContext png;  // of the size of the last picture
  AvPacket packet;

  Result<void> open_png(Size size);
};

PictureEncoder::PictureEncoder() : state_(std::make_unique<State>()) {}
PictureEncoder::~PictureEncoder() = default;
PictureEncoder::PictureEncoder(PictureEncoder&&) noexcept = default;
PictureEncoder& PictureEncoder::operator=(PictureEncoder&&) noexcept = default;

Result<std::span<const std::uint8_t>> PictureEncoder::jpeg(const ImageView& image, int quality) {
  State& state = *state_;
  if (!state.turbo) state.turbo.reset(tjInitCompress());
  if (!state.turbo) return Error{ErrorCode::kOutOfMemory, "TurboJPEG has no memory to encode"};
  const std::size_t most = tjBufSize(image.size.width, image.size.height, TJSAMP_444);
  if (state.jpeg.size() < most) state.jpeg.resize(most);
  std::uint8_t* out = state.jpeg.data();
  unsigned long length = static_cast<unsigned long>(state.jpeg.size());
  const int pixels = image.format == PixelFormat::kBgr8 ? TJPF_BGR : TJPF_RGB;
  if (tjCompress2(state.turbo.get(), image.data, image.size.width,
                  static_cast<int>(image.pitch_bytes), image.size.height, pixels, &out, &length,
                  TJSAMP_444, quality, TJFLAG_NOREALLOC) != 0) {
    return Error{ErrorCode::kInternal,
                 fmt::format("TurboJPEG cannot encode {}x{} pixels: {}", image.size.width,
                             image.size.height, tjGetErrorStr2(state.turbo.get()))};
  }
  return std::span<const std::uint8_t>(out, length);
}

Result<void> PictureEncoder::State::open_png(Size size) {
  if (png && png->width == size.width && png->height == size.height) return {};
  quiet_ffmpeg();
  const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
  png.reset(codec != nullptr ? avcodec_alloc_context3(codec) : nullptr);
  if (!png) return Error{ErrorCode::kInternal, "FFmpeg has no PNG encoder"};
  png->width = size.width;
  png->height = size.height;
  png->pix_fmt = AV_PIX_FMT_RGB24;
  png->time_base = {1, 1};
  png->compression_level = 3;  // speed before size
  av_opt_set(png->priv_data, "pred", "sub", 0);
  const int status = avcodec_open2(png.get(), codec, nullptr);
  if (status < 0) {
    png.reset();
    return Error{ErrorCode::kInternal,
                 fmt::format("FFmpeg's PNG encoder refuses {}x{} pixels: {}", size.width,
                             size.height, describe_ffmpeg(status))};
  }
  return {};
}

Result<std::span<const std::uint8_t>> PictureEncoder::png(const ImageView& image) {
  State& state = *state_;
  forget_ffmpeg_line();
  SHOAL_TRY(state.open_png(image.size));
  const AvFrame frame(av_frame_alloc());
  if (!state.packet) state.packet.reset(av_packet_alloc());
  if (!frame || !state.packet) return Error{ErrorCode::kOutOfMemory, "no memory to encode PNG"};
  frame->format = AV_PIX_FMT_RGB24;
  frame->width = image.size.width;
  frame->height = image.size.height;
  // The encoder only reads, and is done before this function returns.
  frame->data[0] = const_cast<std::uint8_t*>(image.data);
  frame->linesize[0] = static_cast<int>(image.pitch_bytes);
  av_packet_unref(state.packet.get());
  int status = avcodec_send_frame(state.png.get(), frame.get());
  if (status >= 0) status = avcodec_receive_packet(state.png.get(), state.packet.get());
  if (status < 0) {
    return Error{ErrorCode::kInternal,
                 fmt::format("FFmpeg cannot encode {}x{} pixels as PNG: {}", image.size.width,
                             image.size.height, describe_ffmpeg(status))};
  }
  return std::span<const std::uint8_t>(state.packet->data,
                                       static_cast<std::size_t>(state.packet->size));
}

}  // namespace shoal
