// The adapter of TurboJPEG. Accurate inverse DCT and smooth chroma, TurboJPEG's defaults, give the
// same pixels as OpenCV's imread.
#include "decode/jpeg_decoder.h"

#include <turbojpeg.h>

#include <array>
#include <cstddef>

#include "decode/orientation.h"

namespace shoal {
namespace {

// No more than 500 scans: a progressive bomb of a few kilobytes would decode for minutes.
constexpr int kFlags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;

// Inverted CMYK, as Adobe writes it and everybody reads it: 255 is no ink.
void cmyk_to_rgb(Frame& frame, const std::uint8_t* cmyk, int pitch) {
  for (int y = 0; y < frame.size.height; ++y) {
    const std::uint8_t* in = cmyk + static_cast<std::ptrdiff_t>(y) * pitch;
    std::uint8_t* out = frame.pixels.data() + y * frame.pitch_bytes;
    for (int x = 0; x < frame.size.width; ++x, in += 4, out += 3) {
      for (int channel = 0; channel < 3; ++channel) {
        out[channel] = static_cast<std::uint8_t>((in[channel] * in[3] + 127) / 255);
      }
    }
  }
}

}  // namespace

DctScale choose_dct_scale(Size full, Size content) {
  for (const int eighths : {1, 2, 3, 4}) {
    const DctScale scale{eighths};
    const Size covered = scale.covered(full);
    if (covered.width >= content.width && covered.height >= content.height) return scale;
  }
  return {};
}

JpegDecoder::JpegDecoder() = default;

JpegDecoder::~JpegDecoder() {
  if (handle_ != nullptr) tjDestroy(handle_);
}

Error JpegDecoder::give_up(const std::string& what) {
  Error error{ErrorCode::kCorruptInput, what + ": " + tjGetErrorStr2(handle_)};
  tjDestroy(handle_);
  handle_ = nullptr;
  return error;
}

Result<std::optional<std::string>> JpegDecoder::decode(Frame& frame,
                                                       std::span<const std::uint8_t> bytes,
                                                       const PictureHeader& header,
                                                       DctScale scale) {
  if (handle_ == nullptr) handle_ = tjInitDecompress();
  if (handle_ == nullptr) return Error{ErrorCode::kOutOfMemory, "no memory for a JPEG decoder"};
  // TurboJPEG sees the size again: were it another one, it would write another number of pixels.
  // (Its status is not asked: it also fails for chroma layouts that it decodes very well.)
  Size seen;
  int subsampling = 0;
  int colour_space = 0;
  (void)tjDecompressHeader3(handle_, bytes.data(), bytes.size(), &seen.width, &seen.height,
                            &subsampling, &colour_space);
  if (seen != header.size) {
    return give_up("damaged JPEG header");
  }
  const Size decoded = scale.decoded(header.size);
  SHOAL_TRY(prepare_frame(frame, decoded));
  const bool cmyk = header.channels == 4;
  std::uint8_t* target = frame.pixels.data();
  int pitch = static_cast<int>(frame.pitch_bytes);
  if (cmyk) {
    pitch = decoded.width * 4;
    target = cmyk_.reserve(static_cast<std::size_t>(pitch) *
                           static_cast<std::size_t>(decoded.height));
    if (target == nullptr) return Error{ErrorCode::kOutOfMemory, "no memory for CMYK pixels"};
  }
  const int status =
      tjDecompress2(handle_, bytes.data(), bytes.size(), target, decoded.width, pitch,
                    decoded.height, cmyk ? TJPF_CMYK : TJPF_RGB, kFlags);
  std::optional<std::string> damaged;
  if (status != 0) {
    if (tjGetErrorCode(handle_) != TJERR_WARNING) {
      return give_up("JPEG cannot be decoded");
    }
    damaged = tjGetErrorStr2(handle_);
  }
  frame.size = scale.covered(header.size);
  if (cmyk) cmyk_to_rgb(frame, target, pitch);
  return damaged;
}

}  // namespace shoal
