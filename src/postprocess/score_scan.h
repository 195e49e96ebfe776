// The first step of box decoding: which (anchor, class) pairs score above the threshold. Boxes are
// not touched.
#pragma once

#include "core/head.h"
#include "core/tensor.h"
#include "postprocess/box_decode.h"

namespace shoal::internal {

// Fills scratch.hits with at most max_candidates hits, the best ones; returns whether some were
// cut. Scores are final, finite and in (confidence, 1].
// REQUIRES: shapes that decode_boxes() has checked.
[[nodiscard]] bool scan_scores(HeadView outputs, const HeadDescription& head,
                               const BoxDecodeOptions& options, BoxDecodeScratch& scratch);

}  // namespace shoal::internal
