// How a network's raw outputs mean boxes: pure data, made by the engine's model import, read by
// postprocess. A YOLO version is a row of this, never a class.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "shoal/geometry.h"

namespace shoal {

// N anchors or candidates, C classes, S strides, B bins. Shapes are of one picture.
enum class BoxEncoding : std::uint8_t {
  kXywhScores,            // v8, 11: [4+C, N]; centre x, y, width, height; scores are final
  kXywhObjectnessScores,  // v5, v7: [N, 5+C]; score = objectness x class
  kEndToEnd,              // v10, 26: [K, 6]; x1 y1 x2 y2 score class; no NMS needed
  kYoloxGrid,             // YOLOX: [N, 5+C]; (xy + grid) * stride, exp(wh) * stride
  kGflDistances,          // NanoDet, GFL: per stride scores [n, C], distances l t r b [n, 4]
  kGflBins,               // PicoDet, GFL: per stride scores [n, C], logits [n, 4 * bins]
};

[[nodiscard]] constexpr std::string_view to_string(BoxEncoding encoding) {
  switch (encoding) {
    case BoxEncoding::kXywhScores: return "xywh_scores";
    case BoxEncoding::kXywhObjectnessScores: return "xywh_objectness_scores";
    case BoxEncoding::kEndToEnd: return "end_to_end";
    case BoxEncoding::kYoloxGrid: return "yolox";
    case BoxEncoding::kGflDistances: return "gfl_distances";
    case BoxEncoding::kGflBins: return "gfl_bins";
  }
  return "unknown";
}

// One tensor (or a pair for GFL) of the head.
struct HeadLevel {
  int stride = 0;     // network pixels per cell; 0 where the head is one tensor for all strides
  int boxes = 0;      // index of the tensor with boxes (or with everything) in HeadView
  int scores = 0;     // index of the tensor with scores; equal to `boxes` where they share one
};

struct HeadDescription {
  BoxEncoding encoding = BoxEncoding::kXywhScores;
  int class_count = 0;
  int bins = 0;                    // kGflBins only: DFL bins a side (reg_max + 1)
  std::vector<int> strides;        // kYoloxGrid: in the order of the rows, for example 8 16 32
  std::vector<HeadLevel> levels;   // one entry, or one a stride for GFL
  bool scores_are_logits = false;  // a sigmoid is still to be applied to class scores
  // GFL centres a cell at (i + cell_offset) * stride: 0.5 in PicoDet and GFL, 0 in the NanoDet
  // exports that say so.
  float cell_offset = 0.5F;

  // Suppression still has to be done by us.
  [[nodiscard]] bool needs_nms() const { return encoding != BoxEncoding::kEndToEnd; }
};

}  // namespace shoal
