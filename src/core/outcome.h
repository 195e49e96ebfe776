// The answer for one picture or frame, as it goes to track and sinks: detections or an error,
// never both, and what it cost.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "shoal/detection.h"
#include "shoal/frame.h"
#include "shoal/result.h"

namespace shoal {

// Wall time a picture spent in each stage; in a batch, its share of the batch's preprocess,
// inference and postprocess is the batch's whole time (they overlap for its pictures).
struct StageTimes {
  Duration decode{};
  Duration queue{};
  Duration preprocess{};
  Duration inference{};
  Duration postprocess{};
  Duration total{};  // from the start of decoding to the answer
};

// How the batch that a picture was part of came about: evidence for the request log.
struct BatchFacts {
  std::uint64_t id = 0;           // counts from 1 within its model; 0: never reached a lane
  int lane = -1;
  std::string_view close_reason;  // static text: "full", "idle", "delay", ...
  int chunks = 1;                 // runs that the batch was split into for want of memory
  int retries = 0;                // failed allocations on the way
  Size bucket;                    // the network's input
};

// Recycled: writers overwrite every field and reuse capacities.
struct Outcome {
  std::string source;  // file path or URL
  StreamId stream{};
  FrameId frame{};
  std::optional<std::chrono::nanoseconds> media_time;
  Size size;                           // of the upright source picture; 0x0 where unknown
  std::optional<Error> error;          // set: there are no detections
  std::optional<std::string> damaged;  // the picture decoded with damage: why
  Detections detections;
  int batch_size = 0;
  BatchFacts batch;
  double padding = 0;  // share of the network's input that was padding
  StageTimes times;
  Frame pixels;  // valid until the sinks are done; upright, at full size where a sink draws
};

}  // namespace shoal
