// Files beside an ONNX file that hold its weights ("external data").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shoal/result.h"

namespace shoal {

struct ExternalFile {
  std::string location;     // as the model says it: relative to the model's folder
  std::uint64_t bytes = 0;  // that it must have at least; 0 where nothing says so
};

// The files that the graph's initializers lie in, each once. What is damaged is left out: reading
// the model says what is wrong with it.
//
// Cost     reads a few bytes of every field of the graph.
[[nodiscard]] std::vector<ExternalFile> external_files(std::span<const std::byte> model);

// Whether all of them lie beside the model and are long enough.
//
// Errors   not_found, naming the first that is missing; corrupt_input for one that is cut off.
[[nodiscard]] Result<void> check_external_files(std::span<const std::byte> model,
                                                const std::string& path);

}  // namespace shoal
