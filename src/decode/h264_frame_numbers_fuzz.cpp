// Any bytes: neither parameter sets nor packets make the reader of frame numbers run past the end.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "decode/h264_frame_numbers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Copies of exactly these sizes, so that the sanitizer sees the first byte too many. The first
  // byte says how much is extradata.
  const std::size_t first = size == 0 ? 0 : std::min<std::size_t>(size, data[0]);
  const std::vector<std::uint8_t> extradata(data, data + first);
  const std::vector<std::uint8_t> packet(data + first, data + size);
  shoal::H264FrameNumbers numbers;
  numbers.begin(extradata);
  (void)numbers.misses_reference(packet);
  (void)numbers.misses_reference(packet);
  numbers.begin({});
  (void)numbers.misses_reference(packet);
  return 0;
}
