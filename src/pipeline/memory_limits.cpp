#include "pipeline/memory_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/memory_size.h"
#include "telemetry/process.h"

namespace shoal {

Result<std::int64_t> memory_for_model(const DetectorOptions& options, const MemoryFacts& facts) {
  const std::int64_t own = SHOAL_TRY(parse_memory_limit(options.memory_limit)).of(facts.total);
  const std::int64_t process =
      SHOAL_TRY(parse_memory_limit(options.process_memory_limit)).of(facts.total);
  if (process <= 0) return own;
  const auto usable =
      static_cast<std::int64_t>(static_cast<double>(process) * (1 - kRequestShare));
  const std::int64_t taken = std::max(facts.resident, kProgramBytes + facts.promised);
  const std::int64_t left = usable - taken;
  if (left <= 0) {
    return Error{ErrorCode::kOutOfMemory,
                 fmt::format("process.memory_limit {} is {} of {}: after {} % for requests, {} for "
                             "the program and {} for loaded models nothing is left for '{}'",
                             options.process_memory_limit, memory_text(process),
                             memory_text(facts.total), static_cast<int>(kRequestShare * 100),
                             memory_text(taken - facts.promised), memory_text(facts.promised),
                             options.model)};
  }
  return own > 0 ? std::min(own, left) : left;
}

MemoryFacts memory_facts() {
  return {.total = this_machine().memory_total(),
          .resident = process_memory().resident_bytes,
          .promised = model_memory().gauge().size_bytes};
}

Pool& model_memory() {
  static Pool pool("models");
  return pool;
}

}  // namespace shoal
