// What a model file may ask of the process that loads it. A small file can describe tensors of many
// gigabytes, or a graph that compiles for an hour.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

namespace shoal {

struct LoadLimits {
  // Most operations of a graph, constants not counted. Detectors have some hundreds, those with
  // transformers some thousands; compiling takes longer than in proportion.
  int nodes_max = 10'000;
  // Most memory for tensors that the graph computes from constants alone, which happens while it is
  // loaded, and for reading it, beyond four times the file's own size.
  std::int64_t memory_max = std::int64_t{1} << 30;
  // Longest load. Compiling cannot be interrupted: what takes longer is left behind and its result
  // thrown away; the same file is refused until that has ended. 0: any.
  std::chrono::milliseconds timeout{300'000};
  // Most loads at one time; others wait for one to end, their timeout at most.
  int at_once = 4;
  std::stop_token stop = {};  // of the caller: nobody wants the load any more

  friend bool operator==(const LoadLimits&, const LoadLimits&) = default;
};

}  // namespace shoal
