// Pixels of one's own (a camera's buffer, an OpenCV matrix) to boxes, without an encoder between:
// here a grey BGR picture with a pitch. Usage: own_pixels MODEL
#include <cstdio>
#include <vector>

#include "shoal/detector.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s MODEL\n", argv[0]);
    return 2;
  }
  auto detector = shoal::Detector::load({.model = argv[1]});
  if (!detector) {
    std::fprintf(stderr, "%s\n", detector.error().message.c_str());
    return 3;
  }
  constexpr shoal::Size kSize{1280, 720};
  constexpr std::ptrdiff_t kPitch = 4096;  // rows may be longer than the picture
  const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kPitch * kSize.height), 90);
  const shoal::ImageView picture{.data = pixels.data(),
                                 .size = kSize,
                                 .pitch_bytes = kPitch,
                                 .format = shoal::PixelFormat::kBgr8};
  // The pixels are copied: the buffer is free again when submit returns.
  auto answer = (*detector)->submit(picture);
  const auto boxes = answer.get();
  if (!boxes) {
    std::fprintf(stderr, "%s\n", boxes.error().message.c_str());
    return 1;
  }
  std::printf("%zu objects on a grey picture\n", boxes->items.size());
  return 0;
}
