// Remembers on disk which execution was measured to be faster, so that a model is measured once a
// machine. A small JSON file that people can read and delete.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shoal/result.h"

namespace shoal {

// What a measurement depends on, as (part, value); compared whole.
using PlanKey = std::vector<std::pair<std::string, std::string>>;

struct PlanChoice {
  bool batched = false;
  double spread_rate = 0;   // images/s, all lanes together
  double batched_rate = 0;  // 0 where it could not run
};

// The remembered choice. Where none has this key, the log says at level debug which part differs
// from the nearest one. A file that is missing or damaged counts as empty.
[[nodiscard]] std::optional<PlanChoice> find_plan(const std::string& path, const PlanKey& key);

// Adds or replaces one choice; keeps the newest 200. The file is replaced as a whole, by rename.
// Errors   unavailable if it cannot be written.
[[nodiscard]] Result<void> store_plan(const std::string& path, const PlanKey& key,
                                      const PlanChoice& choice);

}  // namespace shoal
