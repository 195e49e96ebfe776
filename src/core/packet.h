// What a source hands to decode: one encoded picture, one video packet, or raw pixels.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shoal/frame.h"
#include "shoal/geometry.h"

namespace shoal {

enum class PacketKind : std::uint8_t {
  kPicture,  // `bytes` is a whole picture file
  kVideo,    // `bytes` is one packet of a stream whose codec `stream_parameters` names
  kPixels,   // `bytes` is RGB8 pixels [size.height, size.width, 3], packed
};

// FFmpeg's AVCodecParameters, owned by whoever opened the stream; opaque to all but the adapters
// of FFmpeg in source and decode.
using StreamParameters = std::shared_ptr<const void>;

// Recycled: sources overwrite every field and reuse the capacity of `bytes` and `name`.
struct Packet {
  PacketKind kind = PacketKind::kPicture;
  std::vector<std::uint8_t> bytes;
  std::string name;  // file path or URL, as results and messages show it
  StreamId stream{};
  FrameId frame{};   // kVideo: the packet's number; the decoder numbers frames itself
  Size size;         // kPixels only
  bool key_frame = true;
  bool hidden = false;  // kVideo: other frames need it, but the container's edit list cuts it out
  bool damaged = false;  // kVideo: bytes of it, or packets in front of it, got lost on the way
  int orientation = 1;  // kVideo: how to turn the frames upright, as EXIF counts (1 to 8)
  std::optional<std::chrono::nanoseconds> media_time;  // since the stream's start; not pictures
  StreamParameters stream_parameters;                  // kVideo only
};

}  // namespace shoal
