// Packets of one video to RGB frames, through FFmpeg. Demultiplexing is the source's business.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/packet.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

struct VideoDecoderOptions {
  int threads = 1;  // of this decoder; 0: one a core. More than 1 delays frames by that many
  std::int64_t pixels_max = 178'956'970;  // larger frames are refused before they are allocated
};

// Decodes one video: send a packet, then receive until it answers false; at the end flush and
// receive until false again.
//
//   decoder.send(packet); while (*decoder.receive(frame)) use(frame);
//
// Frames   RGB8, upright, converted with the matrix and range that the stream declares (BT.601
//          limited where it declares nothing, as FFmpeg and OpenCV do). Numbered from 0 in order
//          of presentation; a damaged frame is skipped, counted, and its number is not used
//          again. The size may change in the middle of a stream.
// Threads  one caller at a time.
// Cost     nothing is allocated here per frame once the size is known.
class VideoDecoder {
 public:
  // `name` begins every message.
  // Errors   invalid_argument: no parameters; unsupported: no decoder for this codec;
  //          corrupt_input: it does not accept the parameters; out_of_memory: a declared size above
  //          pixels_max.
  [[nodiscard]] static Result<std::unique_ptr<VideoDecoder>> create(
      const StreamParameters& stream_parameters, std::string name,
      const VideoDecoderOptions& options);
  ~VideoDecoder();
  VideoDecoder(const VideoDecoder&) = delete;
  VideoDecoder& operator=(const VideoDecoder&) = delete;

  // Takes a kVideo packet. One that cannot be decoded is counted in skipped(), not an error.
  // Errors   invalid_argument: not a video packet, or sent after flush; internal: the frames of
  //          the packet before were not received; out_of_memory.
  [[nodiscard]] Result<void> send(const Packet& packet);

  // The end: receive() then gives the frames that are still inside.
  [[nodiscard]] Result<void> flush();

  // Fills `frame` (stream from the last packet, id, media_time, pixels).
  //
  // Returns  true: filled; false: wants another packet, or, after flush, all is out.
  // Errors   corrupt_input, once, after flush: not one frame could be decoded; unsupported: a pixel
  //          format without a conversion; out_of_memory. The frame is counted as skipped, and the
  //          next call goes on behind it.
  [[nodiscard]] Result<bool> receive(Frame& frame);

  [[nodiscard]] std::uint64_t delivered() const;  // frames
  [[nodiscard]] std::uint64_t skipped() const;    // damaged packets and frames

 private:
  struct State;
  explicit VideoDecoder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shoal
