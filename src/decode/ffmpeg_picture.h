// PNG, WebP, BMP, TIFF and the first frame of a GIF, from memory, through FFmpeg's decoders.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "decode/frame_convert.h"
#include "decode/picture_header.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

// Threads  one caller at a time.
class FfmpegPicture {
 public:
  FfmpegPicture();

  // Decodes as stored, not turned. A decoder context serves one picture only: FFmpeg's PNG and GIF
  // decoders keep the picture before as a reference, and no item may leave a trace in the next.
  //
  // Returns  a reason where the data is damaged but a picture came out.
  // Errors   corrupt_input, unsupported, out_of_memory; without the picture's name.
  [[nodiscard]] Result<std::optional<std::string>> decode(Frame& frame,
                                                          std::span<const std::uint8_t> bytes,
                                                          const PictureHeader& header,
                                                          std::int64_t pixels_max);

 private:
  AvPacket packet_;
  AvFrame decoded_;
  FrameConverter converter_;
};

}  // namespace shoal
