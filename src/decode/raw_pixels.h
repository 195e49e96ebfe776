// Raw pixels (synthetic sources, callers with their own camera) into a Frame.
#pragma once

#include "core/packet.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

// Copies a kPixels packet into `frame`: RGB8, packed rows, with stream, id and media_time.
// (A copy, because Frame's buffer is aligned and padded and the packet's vector is not.)
//
// Errors   invalid_argument: another kind of packet, or bytes that do not match the size;
//          out_of_memory.
[[nodiscard]] Result<void> copy_pixels(Frame& frame, const Packet& packet);

}  // namespace shoal
