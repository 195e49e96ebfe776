// The small picture that goes with an alarm: the frame, reduced, with the boxes that raised it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/area_mean.h"
#include "core/camera_result.h"
#include "shoal/frame.h"
#include "shoal/result.h"
#include "sink/annotate.h"
#include "sink/picture_encoder.h"

namespace shoal {

// Threads  one at a time. Keeps its buffers.
class AlarmPainter {
 public:
  static constexpr int kWidth = 320;

  AlarmPainter() : annotator_({}) {}

  // A JPEG, at most kWidth wide; empty where `frame` has no pixels or memory is short.
  // Cost     1 to 3 ms.
  [[nodiscard]] std::vector<std::uint8_t> paint(const Frame& frame, const Alarm& alarm,
                                                const std::vector<std::string>& class_names);

 private:
  Frame reduced_;
  ReduceRoom room_;
  Annotator annotator_;
  std::vector<std::string> names_;
  Detections boxes_;
  PictureEncoder encoder_;
};

}  // namespace shoal
