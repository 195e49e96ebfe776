// Labels as Ultralytics writes them with `save_txt`: one text file a picture.
#pragma once

#include <memory>
#include <string>

#include "sink/sink.h"

namespace shoal {

struct YoloTxtOptions {
  std::string directory = {};   // files go to <directory>/labels; made if missing
  bool save_conf = false;  // append the confidence
};

// labels/<stem>.txt, of videos labels/<stem>_<frame>.txt with frames counted from 1; lines
// `class x_centre y_centre width height [confidence] [track_id]`, in shares of the picture, %g.
//
// A picture without detections has no file, as with Ultralytics; one that an earlier run left
// there is removed. Two sources with the same stem: the second becomes <stem>-2, which is logged
// (Ultralytics would mix both into one file).
//
// Errors   kInvalidArgument: the path cannot be a folder, or holds `images` beside `labels`: then
//          it is a data set whose labels would be overwritten. kUnavailable: not writable.
[[nodiscard]] Result<std::unique_ptr<Sink>> create_yolo_txt_sink(YoloTxtOptions options);

}  // namespace shoal
