// What comes out: detections of one picture.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shoal/geometry.h"

namespace shoal {

enum class TrackId : std::uint32_t {};

struct Detection {
  Box<SourceSpace> box;       // clipped to the picture, finite
  float confidence = 0;       // in [0, 1]
  std::int32_t class_id = 0;  // index into the model's class names
  std::optional<TrackId> track_id;
};

// Sorted by confidence, highest first.
struct Detections {
  std::vector<Detection> items;
  bool truncated = false;  // a cap (max_det, candidate limit) cut something off
};

}  // namespace shoal
