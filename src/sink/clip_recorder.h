// The recorder of one camera: keeps its last seconds in memory, and has ClipStore write clips.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/packet.h"
#include "shoal/frame.h"
#include "sink/clip_store.h"

namespace shoal {

struct ClipRecorderOptions {
  // The longest `before` that start() is given; alarms may come two seconds after their frame.
  Duration before = std::chrono::seconds(5);
  std::size_t bytes_max = std::size_t{32} << 20;  // of memory for packets
  // Of cameras without packets: frames are kept as JPEGs, and the clip is H.264.
  int side_max = 640;                             // pixels
  double frames_per_second_max = 10;
};

// Packets of videos (H.264, HEVC, MJPEG, whatever MP4 takes) are kept and written as they came;
// sources that give pixels or pictures are recorded from their frames.
//
// Memory   what `before` and one group of pictures need, at most bytes_max: then the oldest packets
//          go, and clips begin later. Recycled: no allocation per packet once it has grown.
// Threads  packet(), frame(), interrupted() by the camera's thread; start() by any.
class ClipRecorder {
 public:
  // `store` outlives the recorder.
  ClipRecorder(ClipStore& store, const ClipRecorderOptions& options);
  // Ends its clips with what there is.
  ~ClipRecorder();
  ClipRecorder(const ClipRecorder&) = delete;
  ClipRecorder& operator=(const ClipRecorder&) = delete;

  // Every packet that was read. Another codec, size or header in `stream_parameters` ends the clips
  // that are being written.
  // Cost     one copy of the bytes.
  void packet(const Packet& packet, TimePoint captured);

  // Whether frame() should be called for a frame captured then: the camera gives no video packets,
  // and the last frame is long enough ago.
  [[nodiscard]] bool wants_frame(TimePoint captured) const;
  // Cost     scaling and JPEG: about 3 ms at 1080p.
  void frame(const ImageView& image, TimePoint captured,
             std::optional<std::chrono::nanoseconds> media_time);

  // The connection was lost: clips end here.
  void interrupted();

  // Begins the clip of an alarm: from the key frame at or before `at - before` to `at + after`.
  // `at` is when the alarm's frame was captured.
  //
  // Returns  what Alarm::clip should say, "<id>.mp4"; empty where there is nothing to record yet,
  //          or the disk is full.
  [[nodiscard]] std::string start(const std::string& alarm_id, TimePoint at, Duration before,
                                  Duration after);

  [[nodiscard]] std::size_t bytes_held() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal
