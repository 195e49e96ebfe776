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
  // Of one decoder. More delay frames by that many, and what FFmpeg only says about damage (HEVC's
  // missing references) is then not heard, because it is said on its own threads.
  int threads = 1;
  std::int64_t pixels_max = 50'000'000;  // of a frame: a larger one is refused by its header
};

// Counted since the decoder was made.
struct StreamDecoderCounts {
  std::uint64_t packets = 0;
  std::uint64_t frames = 0;          // decoded, given by next()
  std::uint64_t before_key = 0;      // packets thrown away while waiting for a key frame
  std::uint64_t unreferenced = 0;    // H.264 packets not decoded by skip_unreferenced()
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
// No frame that was made up, in part or by its references, comes out: a loss that the source or
// FFmpeg notices ends the stream until the next key frame. (What neither notices, a few changed
// bits that decode without a contradiction, cannot be told from a picture.)
//
// Threads  one caller at a time.
// Cost     allocates nothing of its own per frame once sizes are known; FFmpeg copies each packet.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::string name, const StreamDecoderOptions& options = {});
  ~StreamDecoder();
  StreamDecoder(const StreamDecoder&) = delete;
  StreamDecoder& operator=(const StreamDecoder&) = delete;

  // Takes a kVideo, kPicture or kPixels packet; keeps nothing of it. Another `stream_parameters`
  // makes a new decoder, behind the frames that are still in the old one.
  // What cannot be decoded is counted, not an error.
  //
  // Errors   for each packet for which it holds: unsupported: no decoder for the codec;
  //          corrupt_input: parameters that the decoder refuses; out_of_memory: also above
  //          pixels_max; internal: the frames of the packet before were not taken.
  [[nodiscard]] Result<void> send(const Packet& packet);

  // The next frame, decoded and not yet converted; empty: wants another packet. After damage no
  // frame is given until the decoder is clean again (a key frame).
  // Errors   out_of_memory.
  [[nodiscard]] Result<std::optional<StreamFrame>> next();

  // RGB8 pixels, upright, of the frame that next() gave last; any number of times, until the next
  // send() or next(). With side_max > 0 frames with a longer side come reduced
  // (Frame::source_size stays whole): each pixel is the mean of its area. `id` counts the frames of
  // this decoder. Pixels that are not reduced are VideoDecoder's.
  //
  // Cost     4K: 2.9 ms whole, 5.7 ms to 1280x720; 1080p: 0.7 and 2.4 ms. Reducing pays only where
  //          what comes behind (copies, drawing, the page) would cost more on the whole frame.
  //
  // Errors   unsupported: a pixel format without a conversion; out_of_memory; invalid_argument:
  //          next() has given no frame.
  [[nodiscard]] Result<void> convert(Frame& frame, int side_max = 0);

  // Packets of frames that no other frame needs are not decoded while true: where decoding cannot
  // keep up, or nobody wants them. Other codecs' than H.264 are not counted.
  void skip_unreferenced(bool skip);
  // As after a new connection: wait for a key frame. Frames that are inside are dropped.
  void restart();
  // The end of a file: next() gives the frames that are inside. The next packet begins anew.
  void finish();

  // Every packet is a frame of its own, which needs no other: packets of frames that nobody wants
  // need not be sent. False before the first packet.
  [[nodiscard]] bool is_intra_only() const;
  [[nodiscard]] StreamDecoderCounts counts() const;
  [[nodiscard]] std::string codec() const;  // "h264"; "" before the first packet and for pixels

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
