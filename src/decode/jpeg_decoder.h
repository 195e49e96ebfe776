// JPEG through TurboJPEG: full size, or scaled during the inverse DCT.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "decode/picture_header.h"
#include "shoal/frame.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

// Eighths of the full size at which a JPEG is decoded: 8, 4, 3, 2 or 1.
struct DctScale {
  int eighths = 8;

  // The decoded size that stands for the whole picture: rounded to the nearest pixel. TurboJPEG
  // rounds up and fills the last, partial pixel with what lies outside of the picture; keeping it
  // would stretch the picture by up to 7 source pixels and move the boxes.
  [[nodiscard]] Size covered(Size full) const {
    return {(full.width * eighths + 4) / 8, (full.height * eighths + 4) / 8};
  }
  // What TurboJPEG writes.
  [[nodiscard]] Size decoded(Size full) const {
    return {(full.width * eighths + 7) / 8, (full.height * eighths + 7) / 8};
  }
};

// The smallest scale of at most a half at which the picture still covers `content` (both as
// stored, before the orientation is applied); full size where none does.
[[nodiscard]] DctScale choose_dct_scale(Size full, Size content);

// Threads  one caller at a time.
class JpegDecoder {
 public:
  JpegDecoder();
  ~JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  // Decodes as stored, not turned. `frame.size` becomes scale.covered(header.size).
  //
  // Returns  the decoder's warning where the data is damaged.
  // Errors   corrupt_input, unsupported, out_of_memory; without the picture's name.
  [[nodiscard]] Result<std::optional<std::string>> decode(Frame& frame,
                                                          std::span<const std::uint8_t> bytes,
                                                          const PictureHeader& header,
                                                          DctScale scale);

 private:
  // The error of the last call. Ends the handle: after a fatal error in a header TurboJPEG 2.1 goes
  // on in the middle of that header, whatever picture comes next.
  [[nodiscard]] Error give_up(const std::string& what);

  void* handle_ = nullptr;  // tjhandle; made at the first use
  PixelBuffer cmyk_;        // 4 bytes a pixel, before conversion
};

}  // namespace shoal
