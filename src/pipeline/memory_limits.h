// From limits as written to the bytes that a model may take when it is loaded.
#pragma once

#include <cstdint>

#include "core/pool.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

// What of a process's limit is left for requests: pictures on their way, answers, decoders.
inline constexpr double kRequestShare = 0.25;
// The program and its libraries, OpenVINO's code included, before any model: measured, 89 MiB.
inline constexpr std::int64_t kProgramBytes = std::int64_t{96} << 20;

// The facts that the rule below takes, so that it can be tested.
struct MemoryFacts {
  std::int64_t total = 0;     // of the container, or installed
  std::int64_t resident = 0;  // of this process now
  std::int64_t promised = 0;  // to models that are loaded
};

// Bytes that a model may take: its own limit, and what the process's limit leaves after the
// program, other models and kRequestShare. 0: no limit.
//
// Errors   invalid_argument for text that is no amount; out_of_memory where nothing is left.
[[nodiscard]] Result<std::int64_t> memory_for_model(const DetectorOptions& options,
                                                    const MemoryFacts& facts);

// As they are now.
[[nodiscard]] MemoryFacts memory_facts();

// What loaded models were planned to take: each holds a lease of it.
[[nodiscard]] Pool& model_memory();

}  // namespace shoal
