// Tracks of `detect`: videos one after the other, frames in their order. Cameras, with zones and
// lines, are scene.h's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/outcome.h"
#include "track/byte_tracker.h"

namespace shoal {

// A video begins where the source changes or its frames begin again; pictures are one sequence,
// 30 a second. Identities count from 1 and are unique over all of them.
//
// Threads  one at a time.
class VideoTracks {
 public:
  explicit VideoTracks(const TrackerOptions& options);
  VideoTracks(const VideoTracks&) = delete;  // the tracker counts its identities here
  VideoTracks& operator=(const VideoTracks&) = delete;

  // Leaves the detections that belong to a track, with its identity. A failed frame is time that
  // passes.
  void follow(Outcome& outcome);

 private:
  [[nodiscard]] TimePoint time_of(const Outcome& outcome);

  std::uint32_t last_id_ = 0;
  ByteTracker tracker_;
  std::optional<std::string> source_;  // of the sequence; empty: pictures
  std::uint64_t last_frame_ = 0;
  std::int64_t pictures_ = 0;
  TimePoint last_time_{};
};

}  // namespace shoal
