// The models that ship inside the program.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace shoal {

// The ONNX file of a built-in model ("pcb"); empty for any other name. Lives as long as the
// process.
[[nodiscard]] std::span<const std::byte> builtin_model(std::string_view name);

}  // namespace shoal
