// Whether the values of a network are what its decoder takes them for: centres near their cells,
// sizes that fit the picture, scores within 0..1. Pure arithmetic on the outputs of trial runs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/head.h"
#include "core/tensor.h"
#include "shoal/geometry.h"

namespace shoal {

// What a user has said, and is believed in: a contradiction of it is told, not refused.
struct HeadClaims {
  bool boxes = false;    // form or unit of the boxes, or the strides
  bool scores = false;   // whether scores are logits
  bool classes = false;  // how many classes there are
  bool family = false;   // which family it is
};

struct Contradiction {
  std::string what;    // what was seen, with the values: "class scores run from -14 to 8.1"
  std::string line;    // of a sidecar, that settles it; "" where none does
  std::string advice;  // what else to do; may be ""
  bool refused = true;
};

// `pictures`: the outputs of one picture each, as decode_boxes takes them. A head that is right
// gives nothing, whatever the pictures show: rules look at what all or most cells answer, where a
// right network answers alike for any picture. Values that are not finite are left out, unless they
// are most.
//
// Rules
//   scores   none below 0 or above 1 (a twentieth is let pass: quantised networks round); logits
//            are below 0 nearly everywhere. In heads without objectness no class fires at most
//            cells while another is silent: that is an angle or a coordinate.
//   boxes    the median centre is less than three strides off its cell, and is not nearer to it
//            when the four values are read as corners, as corner and size, or as shares.
//   ranked   corners in order, in pixels; whole class numbers within class_count.
[[nodiscard]] std::vector<Contradiction> check_head(
    std::span<const std::vector<TensorView>> pictures, const HeadDescription& head, Size network,
    const HeadClaims& claims);

}  // namespace shoal
