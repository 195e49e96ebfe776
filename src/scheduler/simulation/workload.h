// Who asks when: arrivals for the simulator, made from a seed or read from a request log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/request.h"
#include "shoal/result.h"

namespace shoal {

struct Arrival {
  Duration at{};  // since the start
  std::size_t bucket = 0;
  Priority priority = Priority::kNormal;
  std::uint64_t source = 0;
  std::optional<Duration> timeout = {};   // an answer later than this after `at` is worth nothing
  std::optional<Duration> patience = {};  // the caller goes away this long after `at`
};

// In the order of `at`.
using Workload = std::vector<Arrival>;

enum class Pattern : std::uint8_t {
  kSteady,       // one every 1 / rate, as from a camera
  kPoisson,      // independent callers
  kBursts,       // Poisson, but `burst` at a time
  kAlternating,  // Poisson; each of another shape than the one before
  kFlood,        // Poisson, and one source more that sends `burst` at once, ten times
};
inline constexpr std::size_t kPatternCount = 5;

[[nodiscard]] std::string_view to_string(Pattern pattern);

struct WorkloadOptions {
  std::uint64_t seed = 1;
  Pattern pattern = Pattern::kPoisson;
  int count = 1000;            // of arrivals, a flood's apart
  double rate = 100;           // a second, on the average, a flood's apart
  int burst = 16;
  std::size_t bucket_count = 1;
  std::uint64_t source_count = 8;
  // Shares of all arrivals; what is left is of normal priority.
  double realtime = 0;
  double high = 0;
  double low = 0;
  std::optional<Duration> timeout = {};
  double cancelled = 0;  // share of callers that go away, after up to `timeout` or 100 ms
};

// The same options give the same workload on every machine.
[[nodiscard]] Workload make_workload(const WorkloadOptions& options);

struct Replay {
  Workload workload;
  std::vector<std::string> buckets;  // their names, by number, in the order of first appearance
  std::vector<std::string> sources;  // likewise
};

// Reads a request log: JSON lines, of which "ts" (an RFC 3339 time in UTC, or seconds), "bucket",
// "priority" and "camera" or else "source" are used. Lines may be out of order, as they are written
// when requests are answered. A request that reached no bucket counts as one of the first.
//
// Errors   kCorruptInput names the line: not a JSON object, or without a time.
[[nodiscard]] Result<Replay> replay(std::string_view json_lines);

}  // namespace shoal
