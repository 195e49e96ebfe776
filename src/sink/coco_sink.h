// Detections as pycocotools reads them (`COCO.loadRes`): one JSON array for the whole run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sink/sink.h"

namespace shoal {

struct CocoOptions {
  std::string path = {};  // overwritten; missing folders are made; "-" is standard output
  std::vector<std::string> class_names = {};  // decide how classes become category_id, see below
};

// A regular file is a complete JSON array after every write(), so a kill or a full disk leaves
// something that loads; a pipe gets its closing bracket from finish().
//
// image_id     the number that the file's stem is ("000000000139.jpg" -> 139), else the stem;
//              of a video "<stem>_<frame>", frames counted from 1.
// category_id  for COCO's 80 names the dataset's own numbers (1 to 90 with gaps), else class + 1,
//              as Ultralytics numbers other data.
// bbox         x, y, width, height in pixels, 3 decimals; score 5 decimals.
// Failed pictures have no entry. Two pictures with one stem share an image_id: that is logged.
//
// Errors   as create_jsonl_sink.
[[nodiscard]] Result<std::unique_ptr<Sink>> create_coco_sink(CocoOptions options);

// category_id of a class; see above. REQUIRES: class_id >= 0.
[[nodiscard]] int coco_category(int class_id, bool names_are_coco);

// The names are COCO's 80: their count and six of them are compared, as spelling varies
// ("couch"/"sofa").
[[nodiscard]] bool are_coco_names(const std::vector<std::string>& class_names);

}  // namespace shoal
