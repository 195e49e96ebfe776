// Grey, palette and RGB formats of 8 and 16 bits are copied here, exactly; WebP's YUV is
// chroma420's; the rest (video, packed bits) goes through swscale.
#include "decode/frame_convert.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "decode/chroma420.h"
#include "decode/orientation.h"

namespace shoal {
namespace {

// Where one channel's byte lies (the upper one of 16 bits).
struct Channel {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t pitch = 0;
  int step = 0;
};

bool is_plain(const AVPixFmtDescriptor& format) {
  constexpr std::uint64_t kNot = AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_FLOAT |
                                 AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER |
                                 AV_PIX_FMT_FLAG_PAL;
  if ((format.flags & kNot) != 0) return false;
  const bool grey = format.nb_components <= 2;
  if (!grey && (format.flags & AV_PIX_FMT_FLAG_RGB) == 0) return false;
  for (int i = 0; i < format.nb_components; ++i) {
    const AVComponentDescriptor& component = format.comp[i];
    if ((component.depth != 8 && component.depth != 16) || component.shift != 0) return false;
  }
  return true;
}

Channel channel_of(const AVFrame& source, const AVPixFmtDescriptor& format, int index) {
  const AVComponentDescriptor& component = format.comp[format.nb_components <= 2 ? 0 : index];
  const bool upper_is_second =
      component.depth == 16 && (format.flags & AV_PIX_FMT_FLAG_BE) == 0;
  return {source.data[component.plane] + component.offset + (upper_is_second ? 1 : 0),
          source.linesize[component.plane], component.step};
}

void copy_channels(Frame& frame, const AVFrame& source, const AVPixFmtDescriptor& format) {
  for (int index = 0; index < 3; ++index) {
    const Channel channel = channel_of(source, format, index);
    for (int y = 0; y < frame.size.height; ++y) {
      const std::uint8_t* in = channel.data + y * channel.pitch;
      std::uint8_t* out = frame.pixels.data() + y * frame.pitch_bytes + index;
      for (int x = 0; x < frame.size.width; ++x, in += channel.step, out += 3) *out = *in;
    }
  }
}

// data[1] holds 256 native-endian words 0xAARRGGBB.
void copy_palette(Frame& frame, const AVFrame& source) {
  std::array<std::uint32_t, 256> palette{};
  std::memcpy(palette.data(), source.data[1], sizeof(palette));
  for (int y = 0; y < frame.size.height; ++y) {
    const std::uint8_t* in = source.data[0] + static_cast<std::ptrdiff_t>(y) * source.linesize[0];
    std::uint8_t* out = frame.pixels.data() + y * frame.pitch_bytes;
    for (int x = 0; x < frame.size.width; ++x, out += 3) {
      const std::uint32_t colour = palette[in[x]];
      out[0] = static_cast<std::uint8_t>(colour >> 16);
      out[1] = static_cast<std::uint8_t>(colour >> 8);
      out[2] = static_cast<std::uint8_t>(colour);
    }
  }
}

int matrix_of(AVColorSpace space) {
  switch (space) {
    case AVCOL_SPC_BT709: return SWS_CS_ITU709;
    case AVCOL_SPC_FCC: return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M: return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL: return SWS_CS_BT2020;
    default: return SWS_CS_ITU601;
  }
}

// The "J" formats are the same bytes with full range in their name; swscale wants it apart.
struct Layout {
  AVPixelFormat format = AV_PIX_FMT_NONE;
  bool full_range = false;
};

Layout layout_of(const AVFrame& source) {
  const auto format = static_cast<AVPixelFormat>(source.format);
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  // Grey is copied as it is where nothing is resampled, so it is not stretched here either.
  if (description != nullptr && description->nb_components <= 2) return {format, true};
  switch (format) {
    case AV_PIX_FMT_YUVJ420P: return {AV_PIX_FMT_YUV420P, true};
    case AV_PIX_FMT_YUVJ422P: return {AV_PIX_FMT_YUV422P, true};
    case AV_PIX_FMT_YUVJ444P: return {AV_PIX_FMT_YUV444P, true};
    case AV_PIX_FMT_YUVJ440P: return {AV_PIX_FMT_YUV440P, true};
    case AV_PIX_FMT_YUVJ411P: return {AV_PIX_FMT_YUV411P, true};
    default: return {format, source.color_range == AVCOL_RANGE_JPEG};
  }
}

Error unreadable(AVPixelFormat format) {
  const char* name = av_get_pix_fmt_name(format);
  return {ErrorCode::kUnsupported,
          std::string("pixel format ") + (name == nullptr ? "unknown" : name) +
              " cannot be converted to RGB"};
}

}  // namespace

Result<void> FrameConverter::convert(Frame& frame, const AVFrame& source, Size target) {
  const auto format = static_cast<AVPixelFormat>(source.format);
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description == nullptr || source.width <= 0 || source.height <= 0) return unreadable(format);
  const Size size{source.width, source.height};
  const bool resampled = target != Size{} && target != size;
  SHOAL_TRY(prepare_frame(frame, resampled ? target : size));
  if (resampled) return scale(frame, source);
  if (format == AV_PIX_FMT_PAL8) {
    copy_palette(frame, source);
    return {};
  }
  if (is_plain(*description)) {
    copy_channels(frame, source, *description);
    return {};
  }
  const bool yuv420 = format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVA420P;
  const bool limited = source.color_range != AVCOL_RANGE_JPEG;
  if (yuv420 && limited && quality_ == ConvertQuality::kStill) {
    convert_420(frame, {.y = source.data[0],
                        .u = source.data[1],
                        .v = source.data[2],
                        .y_pitch = source.linesize[0],
                        .u_pitch = source.linesize[1],
                        .v_pitch = source.linesize[2]});
    return {};
  }
  return scale(frame, source);
}

Result<void> FrameConverter::make_scalers() {
  const Error no_memory{ErrorCode::kOutOfMemory, "no memory for the colour conversion"};
  const auto format = static_cast<AVPixelFormat>(key_.format);
  const AVPixFmtDescriptor& description = *av_pix_fmt_desc_get(format);
  Size from = key_.size;
  int flags = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
  // Plain bicubic lets swscale take its direct YUV to RGB path; the exact flags forbid it.
  if (quality_ == ConvertQuality::kVideo) flags = from == key_.target ? SWS_BICUBIC : SWS_AREA;
  reducer_.reset();
  // Planes first and then the direct path: half the time of swscale's scaling to RGB in one.
  const bool planes = description.nb_components >= 3 &&
                      (description.flags & AV_PIX_FMT_FLAG_RGB) == 0 &&
                      sws_isSupportedOutput(format) != 0;
  if (quality_ == ConvertQuality::kVideo && planes && from != key_.target) {
    reducer_.reset(sws_getContext(from.width, from.height, format, key_.target.width,
                                  key_.target.height, format, SWS_AREA, nullptr, nullptr, nullptr));
    smaller_.reset(av_frame_alloc());
    if (!reducer_ || !smaller_) return no_memory;
    smaller_->width = key_.target.width;
    smaller_->height = key_.target.height;
    smaller_->format = format;
    if (av_frame_get_buffer(smaller_.get(), 64) < 0) return no_memory;
    from = key_.target;
    flags = SWS_BICUBIC;
  }
  scaler_.reset(sws_getContext(from.width, from.height, format, key_.target.width,
                               key_.target.height, AV_PIX_FMT_RGB24, flags, nullptr, nullptr,
                               nullptr));
  if (!scaler_) return no_memory;
  constexpr int kUnit = 1 << 16;  // contrast and saturation 1.0
  sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(key_.matrix), key_.full_range ? 1 : 0,
                           sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, kUnit, kUnit);
  return {};
}

Result<void> FrameConverter::scale(Frame& frame, const AVFrame& source) {
  const Layout layout = layout_of(source);
  if (sws_isSupportedInput(layout.format) == 0) return unreadable(layout.format);
  const Key key{{source.width, source.height}, frame.size, layout.format,
                matrix_of(source.colorspace), layout.full_range};
  if (!scaler_ || key != key_) {
    key_ = key;
    scaler_.reset();
    SHOAL_TRY(make_scalers());
  }
  const AVFrame* from = &source;
  if (reducer_) {
    sws_scale(reducer_.get(), source.data, source.linesize, 0, source.height, smaller_->data,
              smaller_->linesize);
    from = smaller_.get();
  }
  std::uint8_t* target[] = {frame.pixels.data()};
  const int pitch[] = {static_cast<int>(frame.pitch_bytes)};
  const int rows =
      sws_scale(scaler_.get(), from->data, from->linesize, 0, from->height, target, pitch);
  if (rows != frame.size.height) return Error{ErrorCode::kInternal, "swscale wrote too few rows"};
  return {};
}

}  // namespace shoal
