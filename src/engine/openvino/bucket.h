// Input sizes other than the exported one: allowed only where the graph does not bake its grid in.
#pragma once

#include "engine/openvino/import.h"

namespace shoal {

// The static batch-1 graph at this input size, checked: sides are multiples of the largest
// stride, outputs have the size's number of cells, decoded centres lie on the size's grid.
//
// Errors   invalid_argument for a side that is no multiple; unsupported, naming the node, where
//          the exported size is baked in; unsupported where the batch is baked in and cannot
//          be rewritten to 1.
// Cost     a reshape; for sizes other than the exported one of decoding graphs also a trial run.
[[nodiscard]] Result<GraphPointer> bucket_graph(const ImportedModel& model, Size size);

}  // namespace shoal
