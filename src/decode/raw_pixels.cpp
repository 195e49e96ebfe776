// One copy, row by row.
#include "decode/raw_pixels.h"

#include <cstring>
#include <string>

#include "decode/orientation.h"

namespace shoal {

Result<void> copy_pixels(Frame& frame, const Packet& packet) {
  if (packet.kind != PacketKind::kPixels) {
    return Error{ErrorCode::kInvalidArgument, packet.name + ": expected a packet of raw pixels"};
  }
  const Size size = packet.size;
  const auto row = static_cast<std::size_t>(size.width > 0 ? size.width : 0) * 3;
  const auto rows = static_cast<std::size_t>(size.height > 0 ? size.height : 0);
  if (row == 0 || rows == 0 || packet.bytes.size() != row * rows) {
    return Error{ErrorCode::kInvalidArgument,
                 packet.name + ": raw pixels of " + std::to_string(size.width) + "x" +
                     std::to_string(size.height) + " need " + std::to_string(row * rows) +
                     " bytes (RGB, at least 1x1); got " + std::to_string(packet.bytes.size())};
  }
  SHOAL_TRY(prepare_frame(frame, size));
  for (std::size_t y = 0; y < rows; ++y) {
    std::memcpy(frame.pixels.data() + y * static_cast<std::size_t>(frame.pitch_bytes),
                packet.bytes.data() + y * row, row);
  }
  frame.source_size = size;
  frame.stream = packet.stream;
  frame.id = packet.frame;
  frame.media_time = packet.media_time;
  return {};
}

}  // namespace shoal
