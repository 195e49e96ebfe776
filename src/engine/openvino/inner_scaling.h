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
  std::string what;  // for people: "its first nodes multiply the input by 0.00392157"
};

// What stands before the first layer.
struct InnerSteps {
  std::optional<InnerScaling> scaling;  // nullopt: no arithmetic, so that nothing is known
  bool swaps_channels = false;          // it turns R G B into B G R, or back
};

// Follows the picture from the input through casts, moves and arithmetic with constants up to the
// first node that is something else. A network wants values of a few units (after a division by
// 255, or by ImageNet's deviation), so what a graph makes of 255 and of 1 tells which of the two
// it takes. A u8 input takes bytes, whatever follows.
[[nodiscard]] InnerSteps inner_steps(const ov::Model& graph);

}  // namespace shoal
