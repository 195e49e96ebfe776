// A finished run, for people (a block of text) and for programs (one JSON object).
#pragma once

#include <string>

#include "pipeline/run_summary.h"

namespace shoal {

struct SummaryStyle {
  bool colour = false;  // adds to the words, never replaces them
  int width = 100;      // columns; at least 60, more than 100 are not used
  bool wrap = true;     // false, for files and pipes: messages and paths stay whole on their line
};

// The answer first, then why: pictures, failures, objects and rate; the classes; where the time
// went; batches; memory; what failed; what was written; one suggestion. Lines that have nothing to
// say are left out. Ends with a line end.
[[nodiscard]] std::string render_summary(const RunSummary& summary, const SummaryStyle& style);

// The same data as one JSON object without a line end, keys in the order of RunSummary.
[[nodiscard]] std::string summary_to_json(const RunSummary& summary);

}  // namespace shoal
