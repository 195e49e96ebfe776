// Static graphs at any batch and size: rewriting what an export baked in, where that keeps every
// picture's result, and naming the node where it does not.
#pragma once

#include "engine/openvino/import.h"

namespace shoal {

// A copy of a static graph with another batch.
//
// The shape of every node is derived anew, in order. Where a node's answer is not the old shape
// with the batch axis alone changed, its baked constant (target of Reshape, Broadcast or
// Interpolate; an operand that repeats one row a picture) is replaced by the one that is. Shapes
// alone prove nothing about values: callers compare results before they use the copy.
//
// Errors   unsupported, naming the node that stands in the way and what to export instead.
// REQUIRES: the graph's input is static, with the batch on axis 0.
[[nodiscard]] Result<GraphPointer> with_batch(const GraphPointer& fixed, std::int64_t batch);

// A copy with this input, shapes derived node by node.
// Errors   unsupported, naming the first node that cannot take it.
[[nodiscard]] Result<GraphPointer> with_input(const GraphPointer& graph,
                                              const ov::PartialShape& shape);

// The graph at this size and batch, static: reshaped, and rewritten where the batch is baked in.
[[nodiscard]] Result<GraphPointer> graph_at(const ImportedModel& model, Size size,
                                            std::int64_t batch);

}  // namespace shoal
