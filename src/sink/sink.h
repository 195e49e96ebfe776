// Where outcomes go. A sink declares what it needs and says what it could not write.
#pragma once

#include <cstdint>
#include <string>

#include "core/outcome.h"
#include "shoal/result.h"

namespace shoal {

// Threads  one caller at a time; outcomes of one stream arrive in the order of its frames.
class Sink {
 public:
  virtual ~Sink() = default;
  // For messages and the summary: "out/detections.jsonl".
  [[nodiscard]] virtual std::string name() const = 0;
  // Draws: outcomes must carry full-size pixels.
  [[nodiscard]] virtual bool wants_pixels() const { return false; }
  // Errors   kUnavailable when the disk is full or the path cannot be written; the sink must not
  //          be called again then, except for finish(), and what was written stays readable.
  [[nodiscard]] virtual Result<void> write(const Outcome& outcome) = 0;
  // Closes files properly (JSON arrays, video trailers). Called once, also after an error or
  // Ctrl-C.
  [[nodiscard]] virtual Result<void> finish() = 0;
  // For the summary: "127 pictures", "128 lines".
  [[nodiscard]] virtual std::string written() const = 0;
};

}  // namespace shoal
