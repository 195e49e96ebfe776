// How much memory a graph's tensors need at once, from the order in which they live and die.
#pragma once

#include <cstdint>
#include <string>

#include "engine/engine.h"
#include "engine/openvino/graph.h"

namespace shoal {

struct LivePeak {
  std::int64_t bytes = 0;
  std::string node;  // where it is reached, for people
};

// The largest sum of tensors that are alive together, executing in topological order.
//
// What engines do anyway is counted as they do it: constants and what only depends on them cost
// nothing; reshapes are views; element-wise operations are fused into what they follow; with kBf16
// tensors have two bytes an element, but those between the last convolution or product and an
// output have four, as OpenVINO keeps that tail in f32.
// The model's own input counts, its outputs too: they live in the engine's memory before they are
// copied. Against OpenVINO 2026.4's resident memory: docs/memory.md.
//
// Shapes that depend on data, as behind a suppression inside the graph, count with their bounds.
//
// REQUIRES: a graph with a static input.
// Cost     O(nodes x tensors alive).
[[nodiscard]] LivePeak live_peak(const ov::Model& graph, Precision precision);

}  // namespace shoal
