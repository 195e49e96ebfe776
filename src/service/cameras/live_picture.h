// Pixels of an analysed frame, reduced and as a JPEG, with what was seen in it: what viewers get.
// The one file of this folder that knows TurboJPEG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/camera_result.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

// Pixels to draw on, RGB, u8 [height, width, 3].
struct DrawnPixels {
  std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t pitch_bytes = 0;
};
// Draws a result's boxes on pixels of it that may be reduced. Called by one thread at a time.
using DrawResult = std::function<void(const DrawnPixels& pixels, const CameraResult& result)>;

// One encoded frame, shared by all who watch it.
struct LivePicture {
  std::string camera;
  // The page's binary message: length of the header (4 bytes, little-endian), header, JPEG.
  std::string message;
  std::size_t jpeg_at = 0;
  [[nodiscard]] std::string_view jpeg() const { return std::string_view(message).substr(jpeg_at); }
};

class LivePainter {
 public:
  explicit LivePainter(DrawResult draw);
  ~LivePainter();
  LivePainter(const LivePainter&) = delete;
  LivePainter& operator=(const LivePainter&) = delete;

  struct Wish {
    int width = 640;     // pixels, at most
    bool boxes = false;  // drawn into the picture
    bool tracked = true; // the camera follows objects
  };
  // REQUIRES: the result has pixels (has_pixels).
  // Errors   kUnsupported (boxes without a way to draw them), kOutOfMemory, kInternal.
  // Cost     some 2 ms for 1080p to 640; memory is kept, but for the picture that is answered.
  [[nodiscard]] Result<std::shared_ptr<const LivePicture>> paint(const CameraResult& result,
                                                                 const Wish& wish);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] inline bool has_pixels(const CameraResult& result) {
  return result.outcome.pixels.size.width > 0 && result.outcome.pixels.size.height > 0 &&
         result.outcome.pixels.pixels.data() != nullptr;
}

}  // namespace shoal
