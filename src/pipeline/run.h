// One run of `detect` or `eval`: inputs through the lanes to sinks, in the order of the inputs,
// with bounded memory, to a summary.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/outcome.h"
#include "pipeline/lane_pool.h"
#include "pipeline/reader.h"
#include "pipeline/run_summary.h"
#include "sink/sink.h"
#include "track/scene.h"

namespace shoal {

struct RunProgress {
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total;
  bool is_video = false;  // frames, not pictures
};

struct RunOptions {
  ReaderOptions reader;
  // Threads that decode pictures; videos are decoded by the reading thread.
  int decode_threads = 2;
  // JPEGs only as large as the network needs; ignored where a sink draws.
  bool scaled_decode = false;
  // Most items in flight. Memory: one decoded picture each.
  int requests_max = 32;
  // Follow objects: outcomes keep what belongs to a track, with its identity.
  std::optional<TrackerOptions> track;
  // Called by the thread that called run_inputs().
  std::vector<Sink*> sinks;
  std::function<void(const Outcome&)> on_outcome;
  std::function<void(const RunProgress&)> on_progress;  // at every item, and ten times a second
  // Set by somebody else, a signal handler for example: reading ends, what is under way is
  // answered and written.
  const std::atomic<bool>* stop = nullptr;
};

// Runs the inputs to their end. Items fail alone; what failed is in the summary. Sinks are
// written, not finished. The fields `model`, `engine` and `advice` are left to the caller.
//
// Threads  one run at a time on a LanePool.
[[nodiscard]] RunSummary run_inputs(LanePool& lanes, const RunOptions& options);

}  // namespace shoal
