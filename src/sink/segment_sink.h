// Annotated video of cameras, in files of a minute or so: H.264, with boxes, zones and lines.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "sink/camera_sink.h"
#include "sink/disk_budget.h"

namespace shoal {

struct SegmentOptions {
  std::string folder = {};              // made if missing
  std::chrono::seconds segment{60};     // length of a file
  DiskLimits limits = {};               // over all cameras; the oldest files go first
};

// FOLDER/CAMERA/2026-11-21T08-00-00Z.mp4, named after its first frame (UTC); "-2" and so on behind
// it where that is taken. Frames are shown when they were captured. A file ends after `segment`;
// where the size changes; where the camera's clock goes back; at a gap of more than 10 s (and of
// five usual intervals, for slow cameras); and when nothing has come for 30 s. Files play also
// after a kill: fragmented MP4, of which the last 50 frames may be missing. Wants pixels.
//
// Files of earlier runs count, and go, too; files of other names are left alone. On a full disk the
// file ends, and a new one is tried every 10 s; results are lost in between (kUnavailable).
//
// Errors   as make_folder; kInvalidArgument: segment is not positive.
// Cost     at 1080p about 20 ms of CPU time a frame, see create_annotated_sink.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_segment_sink(
    const SegmentOptions& options);

}  // namespace shoal
