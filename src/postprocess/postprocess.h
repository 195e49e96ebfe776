// The stage's front: a batch of raw outputs to detections in source pixels. Decoding, suppression
// and mapping stand in box_decode.h, nms.h and shoal/geometry.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/head.h"
#include "core/tensor.h"
#include "postprocess/box_decode.h"
#include "postprocess/candidates.h"
#include "postprocess/nms.h"
#include "shoal/detection.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

struct PostprocessOptions {
  float confidence = 0.25F;  // scores must be above it; 0.001 for evaluation
  float iou = 0.7F;          // overlap above it suppresses
  std::int32_t max_det = 300;
  std::int32_t max_candidates = 30000;  // of one picture before suppression
  std::vector<std::int32_t> classes{};    // wanted class ids; empty: all
  bool agnostic = false;                // boxes of different classes suppress each other
  bool multi_label = false;             // every class above the threshold counts, not only the best
};

// One lane's postprocessing of one model: options, and buffers that are reused.
//
// Threads  one caller at a time; different objects are independent.
class Postprocess {
 public:
  // Errors   invalid_argument if an option is out of its range, a class id is not one of the
  //          model's, or the head description contradicts itself; out_of_memory.
  [[nodiscard]] static Result<Postprocess> create(HeadDescription head, PostprocessOptions options);
  // Whether create() would take them, before anything is compiled for them.
  [[nodiscard]] static Result<void> check(const HeadDescription& head,
                                          const PostprocessOptions& options);

  // Detections of each picture of a batch, sorted by confidence (ties: anchor, class), clipped to
  // the picture. Boxes that lie wholly in the padding are dropped before suppression, none for
  // touching or crossing an edge. out[i].truncated is set where max_candidates or max_det cut.
  // A picture's answer depends on its own outputs and letterbox alone. end_to_end heads are
  // thresholded, sorted and capped, never suppressed.
  //
  // Shapes   out, heads, letterboxes  one entry a picture
  // Errors   invalid_argument if lengths or shapes do not fit; out_of_memory. All of out is empty
  //          then.
  // Cost     no allocation after warm-up: out[i].items grows to what was seen, at most max_det.
  [[nodiscard]] Result<void> run(std::span<Detections> out, std::span<const HeadView> heads,
                                 std::span<const Letterbox> letterboxes);

  [[nodiscard]] const PostprocessOptions& options() const { return options_; }

 private:
  Postprocess(HeadDescription head, PostprocessOptions options);
  void prepare(std::size_t batch_size);
  void write(Detections& out, const Candidates& candidates, const Kept& kept,
             const Letterbox& letterbox) const;

  HeadDescription head_;
  PostprocessOptions options_;
  BoxDecodeOptions decode_options_;
  NmsOptions nms_options_;
  BoxDecodeScratch decode_scratch_;
  NmsScratch nms_scratch_;
  std::vector<Candidates> candidates_;  // [batch]
  std::size_t prepared_ = 0;            // pictures that the columns have room for
  std::vector<Kept> kept_;              // [batch]
};

}  // namespace shoal
