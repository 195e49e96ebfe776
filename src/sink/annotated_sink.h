// Pictures and videos with the boxes drawn in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sink/sink.h"

namespace shoal {

struct AnnotatedOptions {
  std::string directory = {};                 // made if missing
  std::vector<std::string> class_names = {};  // labels; a class beyond its end is named "class_7"
  // Folders that pictures of this run are read from. Where one of them is `directory`, nothing is
  // written under an input's name: bus.jpg becomes bus.annotated.jpg.
  std::vector<std::string> input_folders = {};
  int max_open_videos = 4;  // encoders kept open; the least recently used one is closed first
};

// Pictures keep their names: PNG stays PNG, all others become JPEG (quality 90). Outcomes with a
// media_time belong to videos: H.264 in fragmented MP4, <stem>.mp4, with the source's frame times;
// it plays also when the run is killed. A video that changes its size, or returns after its
// encoder was closed, continues in <stem>-part2.mp4. Names taken by another source become
// <stem>-2, which is logged. Failed outcomes are left out. Wants pixels.
//
// Errors   kInvalidArgument: the path cannot be a folder; kUnavailable: not writable, disk full.
// Cost     on the caller's thread; of CPU time at 1080p about 1 ms to draw 20 objects, 5 to 15 ms
//          to encode a JPEG, 20 ms to encode a frame of video (partly in libx264's own threads).
[[nodiscard]] Result<std::unique_ptr<Sink>> create_annotated_sink(AnnotatedOptions options);

}  // namespace shoal
