// Pixels to JPEG (TurboJPEG) and PNG (FFmpeg's encoder).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

// Keeps its contexts and buffers between pictures. Not copied, not shared.
class PictureEncoder {
 public:
  // JPEG's sizes have 16 bits.
  static constexpr int kMaxJpegSide = 65535;

  PictureEncoder();
  ~PictureEncoder();
  PictureEncoder(PictureEncoder&&) noexcept;
  PictureEncoder& operator=(PictureEncoder&&) noexcept;

  // The bytes stay valid until the next call. JPEG keeps colour at full resolution (4:4:4): thin
  // coloured lines would smear otherwise.
  // REQUIRES: sides > 0; jpeg: sides <= kMaxJpegSide; png: format kRgb8.
  // Errors   kOutOfMemory, kInternal.
  [[nodiscard]] Result<std::span<const std::uint8_t>> jpeg(const ImageView& image, int quality);
  [[nodiscard]] Result<std::span<const std::uint8_t>> png(const ImageView& image);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
