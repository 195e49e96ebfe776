// At load the network answers two pictures, and what it answers is held against its decoder.
#pragma once

#include "engine/openvino/import.h"

namespace shoal {

// Runs `compiled`, the model's network for u8 [1, h, w, 3], on a picture with structure and on a
// grey one. Contradictions that the user has settled become `description.warnings`.
//
// Errors   unsupported, with the values that were seen and the sidecar's line that settles it.
// Cost     two inferences.
[[nodiscard]] Result<void> try_head(ov::CompiledModel& compiled, ImportedModel& model, Size size);

}  // namespace shoal
