// Header, limits, scale, decoder, orientation: in this order for every picture.
#include "decode/picture_decoder.h"

#include <cerrno>
#include <limits>
#include <utility>

#include "core/memory_guard.h"
#include "decode/ffmpeg_picture.h"
#include "decode/jpeg_decoder.h"
#include "decode/orientation.h"
#include "decode/picture_header.h"

namespace shoal {
namespace {

constexpr auto kFileBytesMax = static_cast<std::size_t>(std::numeric_limits<int>::max());

Result<void> check_limits(Size size, const PictureLimits& limits) {
  const std::int64_t pixels = std::int64_t{size.width} * size.height;
  const std::string said = std::to_string(size.width) + "x" + std::to_string(size.height);
  if (size.width > limits.side_max || size.height > limits.side_max) {
    return Error{ErrorCode::kOutOfMemory,
                 "header says " + said + " pixels; expected at most " +
                     grouped(static_cast<std::uint64_t>(limits.side_max)) + " a side"};
  }
  if (pixels > limits.pixels_max) {
    return Error{ErrorCode::kOutOfMemory,
                 "header says " + said + " = " + grouped(static_cast<std::uint64_t>(pixels)) +
                     " pixels; expected at most " +
                     grouped(static_cast<std::uint64_t>(limits.pixels_max))};
  }
  return {};
}

// Which part of the full size a JPEG is decoded at; everything in stored, not upright, terms.
DctScale scale_for(const PictureHeader& header, const DecodeOptions& options) {
  if (options.buckets.empty()) return {};
  const Size source = upright(header.size, header.orientation);
  const Size bucket = options.buckets[choose_bucket(source, options.buckets, options.placement)];
  const Size content = Letterbox::fit(source, bucket, options.placement).content;
  return choose_dct_scale(header.size, upright(content, header.orientation));
}

}  // namespace

struct PictureDecoder::State {
  JpegDecoder jpeg;
  FfmpegPicture ffmpeg;
  PixelBuffer scratch;  // the other buffer of turn_upright

  Result<DecodeReport> decode(Frame& frame, std::span<const std::uint8_t> bytes,
                              const DecodeOptions& options) {
    if (bytes.size() > kFileBytesMax) {
      return Error{ErrorCode::kOutOfMemory,
                   "a picture file of " + grouped(bytes.size()) + " bytes; expected below 2 GiB"};
    }
    const PictureHeader header = SHOAL_TRY(read_picture_header(bytes));
    SHOAL_TRY(check_limits(header.size, options.limits));
    SHOAL_TRY(check_complete(header, bytes));
    frame.media_time.reset();
    // A failed allocation inside a decoder often comes out as damaged data, or as a picture that
    // lacks something. The C library leaves ENOMEM behind, whatever the decoder makes of it.
    errno = 0;
    const bool is_jpeg = header.format == PictureFormat::kJpeg;
    auto damaged = is_jpeg
                       ? jpeg.decode(frame, bytes, header, scale_for(header, options))
                       : ffmpeg.decode(frame, bytes, header, options.limits.pixels_max);
    if (errno == ENOMEM) return Error{ErrorCode::kOutOfMemory, "decoding: memory is short"};
    if (!damaged) return std::move(damaged).error();
    frame.source_size = upright(is_jpeg ? header.size : frame.size, header.orientation);
    SHOAL_TRY(turn_upright(frame, scratch, header.orientation));
    return DecodeReport{.damaged = *std::move(damaged)};
  }
};

PictureDecoder::PictureDecoder() : state_(std::make_unique<State>()) {}
PictureDecoder::PictureDecoder(PictureDecoder&&) noexcept = default;
PictureDecoder& PictureDecoder::operator=(PictureDecoder&&) noexcept = default;
PictureDecoder::~PictureDecoder() = default;

Result<Size> PictureDecoder::probe(std::span<const std::uint8_t> bytes) {
  const PictureHeader header = SHOAL_TRY(read_picture_header(bytes));
  return upright(header.size, header.orientation);
}

bool PictureDecoder::is_too_large(std::span<const std::uint8_t> bytes,
                                  const PictureLimits& limits) noexcept {
  if (bytes.size() > kFileBytesMax) return true;
  const Result<Size> size = guarding_memory("probing", [&] { return probe(bytes); });
  return size && (size->width > limits.side_max || size->height > limits.side_max ||
                  std::int64_t{size->width} * size->height > limits.pixels_max);
}

Result<DecodeReport> PictureDecoder::decode(Frame& frame, std::span<const std::uint8_t> bytes,
                                            std::string_view name, const DecodeOptions& options) {
  auto report = guarding_memory("decoding", [&] { return state_->decode(frame, bytes, options); });
  if (report) return report;
  return guarding_memory(name, [&]() -> Result<DecodeReport> {
    return Error{report.error().code, std::string(name) + ": " + report.error().message};
  });
}

}  // namespace shoal
