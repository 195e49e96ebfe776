// Copies in tiles, because a transposed walk over whole rows would miss the cache at every pixel.
#include "decode/orientation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/check.h"

namespace shoal {
namespace {

constexpr int kTile = 32;  // pixels a side: source and target tile fit the first-level cache

// Where target pixel (0, 0) comes from, and how many bytes to go in the source for one step to
// the right and one step down in the target.
struct Walk {
  std::ptrdiff_t start = 0;
  std::ptrdiff_t right = 0;
  std::ptrdiff_t down = 0;
};

Walk walk_of(int orientation, Size size, std::ptrdiff_t pitch) {
  const std::ptrdiff_t last_x = 3 * static_cast<std::ptrdiff_t>(size.width - 1);
  const std::ptrdiff_t last_y = pitch * (size.height - 1);
  switch (orientation) {
    case 2: return {last_x, -3, pitch};
    case 3: return {last_x + last_y, -3, -pitch};
    case 4: return {last_y, 3, -pitch};
    case 5: return {0, pitch, 3};
    case 6: return {last_y, -pitch, 3};
    case 7: return {last_x + last_y, -pitch, -3};
    case 8: return {last_x, pitch, -3};
    default: return {0, 3, pitch};
  }
}

void copy_tile(std::uint8_t* target, std::ptrdiff_t target_pitch, const std::uint8_t* source,
               const Walk& walk, Size tile) {
  for (int y = 0; y < tile.height; ++y) {
    std::uint8_t* out = target + y * target_pitch;
    const std::uint8_t* in = source + y * walk.down;
    for (int x = 0; x < tile.width; ++x, out += 3, in += walk.right) {
      out[0] = in[0];
      out[1] = in[1];
      out[2] = in[2];
    }
  }
}

}  // namespace

Result<void> prepare_frame(Frame& frame, Size size) {
  SHOAL_CHECK(size.width > 0 && size.height > 0, "a picture has at least one pixel");
  const std::ptrdiff_t pitch = padded_pitch(size.width);
  const std::size_t bytes = static_cast<std::size_t>(pitch) * static_cast<std::size_t>(size.height);
  if (frame.pixels.reserve(bytes) == nullptr) {
    return Error{ErrorCode::kOutOfMemory,
                 "no memory for " + std::to_string(size.width) + "x" + std::to_string(size.height) +
                     " pixels (" + std::to_string(bytes) + " bytes)"};
  }
  frame.size = size;
  frame.pitch_bytes = pitch;
  frame.format = PixelFormat::kRgb8;
  return {};
}

Result<void> turn_upright(Frame& frame, PixelBuffer& scratch, int orientation) {
  if (orientation <= 1 || orientation > 8) return {};
  const Size stored = frame.size;
  const Size target = upright(stored, orientation);
  const std::ptrdiff_t stored_pitch = frame.pitch_bytes;
  frame.pixels.swap(scratch);
  SHOAL_TRY(prepare_frame(frame, target));
  const Walk walk = walk_of(orientation, stored, stored_pitch);
  for (int y = 0; y < target.height; y += kTile) {
    for (int x = 0; x < target.width; x += kTile) {
      copy_tile(frame.pixels.data() + y * frame.pitch_bytes + 3 * static_cast<std::ptrdiff_t>(x),
                frame.pitch_bytes,
                scratch.data() + walk.start + x * walk.right + y * walk.down, walk,
                {std::min(kTile, target.width - x), std::min(kTile, target.height - y)});
    }
  }
  return {};
}

}  // namespace shoal
