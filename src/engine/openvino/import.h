// Model import: reads a file, recognises the family, and brings the graph into the form that the
// rest of the engine relies on: one u8-convertible picture input, and exactly the outputs of the
// model description, in its order.
#pragma once

#include <string>
#include <vector>

#include "engine/head_check.h"
#include "engine/openvino/graph.h"

namespace shoal {

struct ImportedModel {
  ModelDescription description;
  GraphPointer graph;     // batch and size as exported: dynamic or baked
  GraphPointer declared;  // with the outputs as the file declares them
  InputLayout layout = InputLayout::kNchw;
  HeadClaims claims;      // what the sidecar says, and is believed in
};

// Of `options` it reads family, class_names, load and memory_limit.
//
// Errors   as read_graph; unsupported if it is no detector of the table (the message lists what
//          was found and what is known), or if several rows fit (names them, asks for `family`);
//          invalid_argument if names and classes differ in number; those of check_load, before
//          anything of the graph is computed.
[[nodiscard]] Result<ImportedModel> import_model(const ModelSource& source,
                                                 const EngineOptions& options);

}  // namespace shoal
