// When each stage of an answered request began and ended, from its durations: lanes measure
// durations, traces draw spans.
#pragma once

#include <algorithm>

#include "core/clock.h"
#include "core/outcome.h"
#include "core/request.h"

namespace shoal {

struct StageSpans {
  TimePoint begun;        // decoding or queueing, whichever was first
  TimePoint decode;       // begin; it takes times.decode
  TimePoint queue;        // begin; it takes times.queue
  TimePoint launched;     // the lane took the batch
  TimePoint preprocess;   // begin
  TimePoint inference;    // begin
  TimePoint postprocess;  // begin
  TimePoint done;
};

// Laid out backwards from `done`: stages of a batch end together. A picture that comes encoded is
// decoded by the lane, so after the queue; any other one before it. Lanes decode and letterbox
// picture by picture in turn; here the one comes before the other.
[[nodiscard]] inline StageSpans stage_spans(const StageTimes& times, Work work, TimePoint done) {
  StageSpans spans;
  spans.done = done;
  spans.postprocess = done - times.postprocess;
  spans.inference = spans.postprocess - times.inference;
  spans.preprocess = spans.inference - times.preprocess;
  const bool in_lane = work == Work::kEncoded;
  spans.launched = in_lane ? spans.preprocess - times.decode : spans.preprocess;
  spans.queue = spans.launched - times.queue;
  spans.decode = in_lane ? spans.launched : spans.queue - times.decode;
  spans.begun = std::min(spans.queue, spans.decode);
  return spans;
}

}  // namespace shoal
