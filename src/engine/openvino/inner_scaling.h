// Pre-processing that an export carries inside: what its input takes, read from the first nodes.
#pragma once

#include <optional>
#include <string>

#include "engine/openvino/graph.h"

namespace shoal {

// Which values a network's input takes.
enum class InputRange : std::uint8_t {
  kBytes,    // 0..255
  kUnit,     // 0..1
  kUnknown,  // the graph scales its input, but not to anything usual
};

struct InnerScaling {
  InputRange range = InputRange::kUnknown;
  std::string what;  // for people: "it multiplies its input by 0.00392157"
};

// Follows the picture from the input through casts, moves and arithmetic with constants up to the
// first node that is something else. A network wants values of a few units (after a division by
// 255, or by ImageNet's deviation), so what a graph makes of 255 and of 1 tells which of the two
// it takes. nullopt where there is no arithmetic, so that nothing is known.
// A u8 input takes bytes, whatever follows.
[[nodiscard]] std::optional<InnerScaling> inner_scaling(const ov::Model& graph);

}  // namespace shoal
