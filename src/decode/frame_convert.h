// FFmpeg's frames, whatever their pixel format, to RGB pixels in a Frame.
#pragma once

#include "core/ffmpeg.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

enum class ConvertQuality : std::uint8_t {
  kStill,  // interpolates chroma and rounds exactly: 4 to 8 ms for 1280x720
  kVideo,  // what FFmpeg and OpenCV do for video: nearest chroma, within 3 levels; 0.3 ms
};

// Keeps swscale's context for the last pair of formats and sizes; another pair makes a new one.
//
// Threads  one caller at a time.
class FrameConverter {
 public:
  explicit FrameConverter(ConvertQuality quality) : quality_(quality) {}

  // Sets pixels, size, pitch_bytes and format. Matrix and range are the frame's own; where it
  // declares none, BT.601 limited. 16-bit channels lose the lower byte; alpha is dropped.
  //
  // With a `target` the picture comes resampled to that size; where it gets smaller, each pixel is
  // the mean of the area that it stands for.
  //
  // Errors   unsupported: a pixel format that swscale does not read; out_of_memory.
  // Cost     allocates only when format or size change. Resampling costs more than it saves here:
  //          4K 2.9 ms whole, 5.7 ms to 1280x720; 1080p 0.7 ms and 2.4 ms (kVideo).
  [[nodiscard]] Result<void> convert(Frame& frame, const AVFrame& source, Size target = {});

 private:
  [[nodiscard]] Result<void> scale(Frame& frame, const AVFrame& source);
  [[nodiscard]] Result<void> make_scalers();

  ConvertQuality quality_;
  // What the scalers were made for.
  struct Key {
    Size size;
    Size target;
    int format = -1;
    int matrix = 0;
    bool full_range = false;
    friend bool operator==(const Key&, const Key&) = default;
  };
  Key key_;
  AvScaler scaler_;   // to RGB
  AvScaler reducer_;  // where the size changes before that, in the picture's own format
  AvFrame smaller_;   // between the two
};

}  // namespace shoal
