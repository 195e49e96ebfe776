// A caller that must not block: when all requests are in flight, submit fails with queue_full at
// once, and the caller decides (here it counts a dropped frame). Usage: back_pressure MODEL
#include <atomic>
#include <cstdio>
#include <vector>

#include "shoal/detector.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s MODEL\n", argv[0]);
    return 2;
  }
  auto detector = shoal::Detector::load(
      {.model = argv[1], .requests_max = 4, .when_full = shoal::WhenFull::kReject});
  if (!detector) {
    std::fprintf(stderr, "%s\n", detector.error().message.c_str());
    return 3;
  }
  const std::vector<std::uint8_t> pixels(640 * 480 * 3, 128);
  const shoal::ImageView frame{.data = pixels.data(), .size = {640, 480}, .pitch_bytes = 640 * 3};
  std::atomic<int> answered = 0;
  std::atomic<int> dropped = 0;
  constexpr int kFrames = 100;
  for (int i = 0; i < kFrames; ++i) {
    (*detector)->submit(frame, [&](const shoal::Result<shoal::Detections>& answer) {
      if (answer) {
        ++answered;
      } else if (answer.error().code == shoal::ErrorCode::kQueueFull) {
        ++dropped;
      }
    });
  }
  (*detector)->close();
  std::printf("%d frames answered, %d dropped, %d in all\n", answered.load(), dropped.load(),
              answered + dropped);
  return answered + dropped == kFrames && answered > 0 ? 0 : 1;
}
