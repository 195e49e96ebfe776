// What lanes did so far: durations, batch sizes, reasons.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "scheduler/policy.h"
#include "telemetry/histogram.h"

namespace shoal {

// Threads  none; the caller synchronises.
struct LaneStats {
  struct BySize {
    std::int64_t batches = 0;
    Duration preprocess{}, inference{}, postprocess{};  // all batches of the size together
  };

  Histogram queue;        // one entry a picture
  Histogram decode;       // one entry a batch with encoded pictures
  Histogram preprocess;   // one entry a batch, likewise below
  Histogram inference;
  Histogram postprocess;
  std::vector<BySize> sizes;  // [batch size]
  std::array<std::int64_t, 8> close_reasons{};  // [CloseReason] -> batches
  std::int64_t pictures = 0;  // that ran
  std::int64_t parts = 0;            // runs; more than batches where memory was short
  std::int64_t memory_failures = 0;  // failed allocations, each met by a smaller run or a retry

  void merge(const LaneStats& other) {
    queue.merge(other.queue);
    decode.merge(other.decode);
    preprocess.merge(other.preprocess);
    inference.merge(other.inference);
    postprocess.merge(other.postprocess);
    if (sizes.size() < other.sizes.size()) sizes.resize(other.sizes.size());
    for (std::size_t size = 0; size < other.sizes.size(); ++size) {
      sizes[size].batches += other.sizes[size].batches;
      sizes[size].preprocess += other.sizes[size].preprocess;
      sizes[size].inference += other.sizes[size].inference;
      sizes[size].postprocess += other.sizes[size].postprocess;
    }
    for (std::size_t i = 0; i < close_reasons.size(); ++i) {
      close_reasons[i] += other.close_reasons[i];
    }
    pictures += other.pictures;
    parts += other.parts;
    memory_failures += other.memory_failures;
  }
};

}  // namespace shoal
