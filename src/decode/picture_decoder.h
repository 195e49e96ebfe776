// Still pictures from memory to RGB pixels: JPEG through TurboJPEG, PNG, WebP, BMP, TIFF and the
// first frame of a GIF through FFmpeg's decoders. Files and videos are not here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shoal/frame.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

// Checked against the header before anything is allocated or decoded.
struct PictureLimits {
  int side_max = 65'535;                     // pixels
  std::int64_t pixels_max = 178'956'970;     // 512 MiB of RGB
};

struct DecodeOptions {
  PictureLimits limits;
  // The network's input sizes. With them a JPEG may be decoded at 1/2, 3/8, 1/4 or 1/8 (during the
  // inverse DCT, which saves most of the work) where that is still at least as large as the
  // letterbox content of choose_bucket(source); boxes stay where they are, because `source_size`
  // is the full picture. Empty: full resolution, the same pixels as OpenCV's imread.
  std::span<const Size> buckets;
  Placement placement = Placement::kCentred;  // of pictures in them
};

struct DecodeReport {
  // The picture was decoded, but its data is damaged: the decoder's own words.
  std::optional<std::string> damaged;
};

// Decodes pictures, one after another; a bad one leaves no trace in the next.
//
// Pixels   RGB8, upright: EXIF orientation 1 to 8 is applied. Grey becomes three equal channels,
//          16 bit loses its lower byte, CMYK and YCCK become RGB (Adobe's inverted convention),
//          colour profiles are ignored, alpha is dropped, not composited: all as OpenCV's
//          IMREAD_COLOR does.
// Threads  one caller at a time; make one for each decode thread.
class PictureDecoder {
 public:
  PictureDecoder();
  PictureDecoder(PictureDecoder&&) noexcept;
  PictureDecoder& operator=(PictureDecoder&&) noexcept;
  ~PictureDecoder();

  // The upright size from the header alone.
  // Errors   corrupt_input, unsupported; the message has no name, the caller knows it.
  // Cost     microseconds; allocates nothing on success.
  [[nodiscard]] static Result<Size> probe(std::span<const std::uint8_t> bytes);

  // Whether decode() answers out_of_memory because the picture is over a limit, and not because
  // memory is short just now.
  // Cost     as probe().
  [[nodiscard]] static bool is_too_large(std::span<const std::uint8_t> bytes,
                                         const PictureLimits& limits) noexcept;

  // Decodes a whole picture file into `frame`; sets pixels, size, source_size, pitch_bytes and
  // format, clears media_time, and leaves stream and id to the caller.
  //
  // Errors   all begin with `name`. corrupt_input: empty, not a picture (the message says what the
  //          bytes look like), truncated (a JPEG that ends before its end-of-image marker), broken;
  //          unsupported: an unknown kind of picture; out_of_memory: above the limits, or memory is
  //          short. After an error the pixels of `frame` are undefined.
  // Cost     reuses its handles and the capacity of `frame`.
  [[nodiscard]] Result<DecodeReport> decode(Frame& frame, std::span<const std::uint8_t> bytes,
                                            std::string_view name, const DecodeOptions& options);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
