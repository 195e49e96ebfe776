// Box distances as expectations over bins (DFL), kept out of reduced precision.
#pragma once

#include "engine/openvino/graph.h"

namespace shoal {

// Replaces every 1x1 convolution to one channel whose weights are 0, 1, 2, .. by a multiplication
// and a sum. It is the same arithmetic (Li et al., Generalized Focal Loss, 2020, eq. 3), but the
// CPU plug-in runs convolutions in bf16 where that is asked for, and everything behind the last one
// in f32: so the convolution alone would round distances of up to 15 strides to 8 bits, which is
// two pixels at stride 32.
//
// Returns  how many were replaced. Throws what OpenVINO throws.
int expectations_to_sums(ov::Model& graph);

}  // namespace shoal
