// Where pictures come from: Source, its options, and open_source, which turns what a user typed
// into one. Sources read and demultiplex only; src/decode makes pixels.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/packet.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

enum class Pace : std::uint8_t {
  kFast,  // as fast as the reader takes it: files for results
  kLive,  // a file plays at its own speed: files that stand in for a camera; pictures 25 a second
};

enum class RtspTransport : std::uint8_t {
  kTcp,  // within RTSP's own connection: nothing gets lost
  kUdp,  // a lost packet costs the frames up to the next key frame
};

struct SourceOptions {
  bool recursive = false;  // directories: descend into sub-folders
  Pace pace = Pace::kFast;
  std::chrono::milliseconds connect_timeout{10'000};  // until a URL is open and its format known
  std::chrono::milliseconds read_timeout{10'000};     // longest silence of a URL after that
  std::size_t file_bytes_max = std::size_t{512} << 20;  // a larger picture file is an error
  StreamId stream{};                                    // written into every packet
  RtspTransport transport = RtspTransport::kTcp;        // of rtsp:// alone
  bool films = true;  // false: of a picture file with several frames (GIF, APNG) only the first
  bool loop = false;  // files start again at their end; media times keep rising
  // Above 0, an http:// URL that gives one picture is a camera: asked so often for the next one.
  std::chrono::milliseconds poll{0};
  bool open_later = false;  // URLs and devices are opened by the first next(), not by open_source:
                            // so that request_stop ends that, too
};

// What has to be known to write an annotated video of the same shape.
struct VideoFormat {
  Size size;                    // upright, as declared; frames may still differ
  double frames_per_second = 0; // 0 where unknown
  // A longer step between two frames is a jump of the container's clock (film_clock.h).
  std::chrono::nanoseconds pause_max = std::chrono::minutes(10);
};

// A sequence of items: pictures, or packets of one or several videos.
//
// Threads  next() by one thread at a time; request_stop() by any thread at any time; the rest by
//          the thread that calls next().
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // Fills `packet` with the next item; every field is overwritten, capacities are reused.
  //
  // Returns  true: filled; false: the end, now and for ever after.
  // Errors   this item failed; `packet.name` says which, the message begins with it, and the next
  //          call goes on with the item after it. not_found, corrupt_input, out_of_memory (above
  //          file_bytes_max), unavailable (disk or network), deadline_exceeded (a timeout),
  //          cancelled (after request_stop).
  // Videos   packets of one video share one `stream_parameters` pointer; another pointer means
  //          another video: drain the decoder of the old one first. A video that ends in the
  //          middle of a packet gives its whole packets, then one corrupt_input error; in a loop
  //          it just starts again. Each round of a loop has its own pointer and begins with a key
  //          frame.
  // Times    media_time is the container's or RTP's, from 0 at the first packet. RTCP sender
  //          reports, which tell the camera's wall clock, are not used: cameras' clocks lie.
  //          Streams that carry no times (HTTP MJPEG, raw H.264) get the time of arrival. The very
  //          first packet of an RTSP stream may have none.
  // Cost     blocks on disk, network or pace; no allocation once the buffers have grown, except
  //          what FFmpeg does inside.
  [[nodiscard]] virtual Result<bool> next(Packet& packet) = 0;

  // What the user typed.
  [[nodiscard]] virtual std::string_view name() const = 0;

  // Nobody can make it wait or rewind it: a camera. Queues behind it drop instead of blocking.
  [[nodiscard]] virtual bool is_live() const = 0;

  // Items in all, for progress bars: exact for pictures and for bounded synthetic lines, an
  // estimate (from duration and frame rate) for videos, nothing for streams without an end.
  [[nodiscard]] virtual std::optional<std::uint64_t> item_count() const { return std::nullopt; }

  // Of the video that is open now; nothing for pictures. Bytes tell what is a film: a GIF or APNG
  // with several frames is one, an MP4 without a suffix too, and what an http:// URL gives may be
  // a picture.
  [[nodiscard]] virtual std::optional<VideoFormat> video_format() const { return std::nullopt; }

  // Makes a blocked next() return soon, and that and every later call answer `cancelled`.
  virtual void request_stop() noexcept = 0;
};

// Opens what a user names on the command line, in this order of recognition:
//
//   synthetic:pcb?size=1280x720&fps=25&seed=1&frames=500&defects=4&pace=live   (synthetic.h)
//   rtsp:// rtsps:// rtmp:// http:// https:// tcp:// udp://    a video or camera, through FFmpeg
//   /dev/video0  v4l2:/dev/video0?size=1280x720&fps=25&format=mjpeg     a camera of this machine
//   file:PATH        what PATH names
//   DIRECTORY        its pictures and videos in natural order (img2 before img10)
//   photos/*.jpg     a glob: * ? [a-z], and ** for any number of folders; natural order
//   list.txt         a file, folder, glob or URL a line; a line that begins with # is a comment;
//                    relative to the list's folder or, where it is not there, to the working
//                    directory
//   FILE             a video where the suffix or its first bytes say so, else a picture; a GIF or
//                    APNG with several frames is a video
//
// Errors   not_found: nothing there, a glob without matches, a directory without pictures;
//          invalid_argument: a malformed synthetic or v4l2 specification (with a suggestion), a
//          device that is none; unsupported: a device that is no camera;
//          unavailable, deadline_exceeded: a URL that does not answer. A missing single file is an
//          error here; a missing line of a list is an error of that item, from next().
// Cost     lists directories (about 1 us a file); opens URLs and single videos; reads no pictures.
[[nodiscard]] Result<std::unique_ptr<Source>> open_source(std::string_view spec,
                                                          const SourceOptions& options);

}  // namespace shoal
