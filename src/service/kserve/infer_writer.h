// The answer of POST .../infer as HTTP has it: JSON, followed by the bytes of binary outputs.
#pragma once

#include <fmt/format.h>

#include "service/http/exchange.h"
#include "service/kserve/message.h"

namespace shoal {

// Floats are written with as many digits as bring back the same value; what is not finite, which
// JSON has no form for, as null. BYTES that are not UTF-8 get U+FFFD: ask for them as binary data.
//
// Cost     about 30 ns a number; binary data are copied once.
[[nodiscard]] HttpResponse write_infer_answer(const InferAnswer& answer);

// The values of a tensor as a flat JSON array.
void append_tensor_data(fmt::memory_buffer& out, const OutputTensor& tensor);

}  // namespace shoal
