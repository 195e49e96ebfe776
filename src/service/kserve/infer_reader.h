// Reads the body of POST .../infer: JSON, or JSON followed by the tensors' bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "service/kserve/message.h"
#include "shoal/result.h"

namespace shoal {

// Most numbers and texts of all "data" together; above, send binary data. It bounds memory: a value
// takes 9 bytes while it is read.
inline constexpr std::size_t kJsonValuesMax = std::size_t{16} << 20;

// `json_length` is the value of Inference-Header-Content-Length: so many bytes of `body` are JSON,
// the rest tensors in the order of the inputs that say binary_data_size. Empty: all is JSON.
// 0: a raw binary request, the body is the only input (InferCall::nameless).
//
// The call's inputs are checked for themselves: the datatype exists, sizes, shapes and data agree.
// Whether the entry wants them is the entry's to say. Binary data stay in `body`, which has to
// outlive the call: its owner, model, door and times are the caller's to fill in.
//
// Errors   invalid_argument (the message says which input and what was expected), unsupported
//          (shared memory, sequences, FP16 in JSON), out_of_memory.
// Limits   JSON nested at most 32 deep.
[[nodiscard]] Result<InferCall> read_infer_body(std::string_view body,
                                                std::optional<std::size_t> json_length);

// Text of the header to its value: digits only.
[[nodiscard]] Result<std::optional<std::size_t>> read_json_length(std::string_view header);

}  // namespace shoal
