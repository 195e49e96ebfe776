// From a network's raw outputs to boxes: six encodings, threshold first, one function. No NMS and
// no mapping to the picture here.
#pragma once

#include <cstdint>
#include <vector>

#include "core/head.h"
#include "core/instruction_set.h"
#include "core/tensor.h"
#include "postprocess/candidates.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

struct BoxDecodeOptions {
  // A candidate's score must be above it (strictly, as in Ultralytics). In [0, 1].
  float confidence = 0.25F;
  // false: an anchor gives its best class only (of equals the lowest). true: every class above the
  // threshold is a candidate of its own, as evaluation wants it. end_to_end ignores it.
  bool multi_label = false;
  // Wanted class ids; empty: all. As in Ultralytics the best class is chosen first: an anchor whose
  // best class is not wanted gives nothing.
  std::vector<std::int32_t> classes{};
  // Most candidates of one picture; of more, the best by score are kept (ties: lower anchor, then
  // lower class) and Candidates::truncated is set. Memory of the scratch grows with it.
  std::int32_t max_candidates = 30000;
  // For tests and benchmarks: every set gives the same candidates.
  InstructionSet instructions = best_instruction_set();
};

// One (anchor, class) above the threshold, before its box is decoded.
struct Hit {
  float score;
  std::int32_t anchor;
  std::int32_t class_id;
};

// Buffers of decode_boxes(), kept from call to call; grow to the head's size and max_candidates.
struct BoxDecodeScratch {
  std::vector<Hit> hits;
  std::vector<Hit> border;             // hits among which the limit falls
  std::vector<float> maxima;           // [N], best class score so far
  std::vector<std::uint32_t> indices;  // positions above the threshold in one piece of a scan
  std::vector<std::uint8_t> wanted;    // [C], 1: wanted
};

// Decodes the outputs of one picture. Scores are compared before any box is touched: raw class
// scores (as logits where head.scores_are_logits; then objectness is one, too), objectness first
// where there is one: it must be above the threshold itself. A score that is not finite counts as
// absent; a box with a side that is negative or not finite is no candidate; coordinates beyond
// 2^20 are clamped there, scores above 1 to 1. Candidates come in no particular order.
//
// Encodings (head.h names the shapes):
//   xywh_scores, xywh_objectness_scores  centre and size in network pixels; N is not checked
//                   against `network`, because anchors a cell differ between versions
//   end_to_end      corners in network pixels; rows with a class id that is no class are dropped
//   yolox           cell (i, j) of stride s: centre ((x + i) s, (y + j) s), size exp(w) s and
//                   exp(h) s; floor(side / s) cells a side, strides in the head's order
//   gfl_distances   left, top, right, bottom in strides from ((i + o) s, (j + o) s), o the head's
//                   cell_offset; ceil(side / s) cells a side
//   gfl_bins        the same; each distance is the mean of its bins 0, 1, .. under their softmax
//                   (Li et al., Generalized Focal Loss, 2020)
//
// Shapes   outputs  one f32 tensor per HeadLevel entry (a pair for GFL), without batch axis
// Errors   invalid_argument if a shape does not fit `head` and `network`; then out is empty.
// Threads  one caller at a time for one scratch.
// Cost     reads scores once; no allocation after the first picture of the largest kind.
[[nodiscard]] Result<void> decode_boxes(Candidates& out, HeadView outputs,
                                        const HeadDescription& head, Size network,
                                        const BoxDecodeOptions& options, BoxDecodeScratch& scratch);

}  // namespace shoal
