// Packets of a live stream to frames: joins at a key frame, survives damage and changes of codec
// and size, and converts only the frames that somebody wants.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/packet.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

struct StreamDecoderOptions {
  int threads = 1;                       // of one decoder; more delay frames by that many
  std::int64_t pixels_max = 50'000'000;  // of a frame: a larger one is refused by its header
};

// Counted since the decoder was made.
struct StreamDecoderCounts {
  std::uint64_t packets = 0;
  std::uint64_t frames = 0;          // decoded, given by next()
  std::uint64_t before_key = 0;      // packets thrown away while waiting for a key frame
  std::uint64_t damaged = 0;         // packets or frames that could not be decoded, or only in part
  std::uint64_t format_changes = 0;  // other codec, size or parameters in mid-stream
};

struct StreamFrame {
  std::optional<std::chrono::nanoseconds> media_time;
  Size size;         // upright
  bool key = false;
};

//   decoder.send(packet); while (auto frame = *decoder.next()) if (wanted) decoder.convert(pixels);
//
// Threads  one caller at a time.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::string name, const StreamDecoderOptions& options = {});
  ~StreamDecoder();

  // Takes a kVideo, kPicture or kPixels packet. Another `stream_parameters` makes a new decoder.
  // What cannot be decoded is counted, not an error.
  // Errors   unsupported: no decoder for the codec; out_of_memory: also above pixels_max.
  [[nodiscard]] Result<void> send(const Packet& packet);

  // The next frame, decoded and not yet converted; empty: wants another packet. After damage no
  // frame is given until the decoder is clean again (a key frame).
  [[nodiscard]] Result<std::optional<StreamFrame>> next();

  // RGB8 pixels, upright, of the frame that next() gave last. With side_max > 0 frames with a
  // longer side come reduced (Frame::source_size stays whole), in the same pass.
  // Errors   unsupported: a pixel format without a conversion; out_of_memory.
  [[nodiscard]] Result<void> convert(Frame& frame, int side_max = 0);

  // Frames that no other frame needs are not decoded while true: where decoding cannot keep up.
  void skip_unreferenced(bool skip);
  // As after a new connection: wait for a key frame.
  void restart();

  [[nodiscard]] StreamDecoderCounts counts() const;
  [[nodiscard]] std::string codec() const;  // "h264"; "" before the first packet

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
