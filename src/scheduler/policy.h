// When a batch closes, as a pure function: no clock, no lock, no side effect, so that the same
// code runs in the service, in the tests' tables and in a simulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "core/clock.h"

namespace shoal {

enum class CloseReason : std::uint8_t {
  kFull,      // the batch has batch_max pictures
  kIdle,      // a lane was idle and waiting for more would not have paid
  kDelay,     // the oldest picture had waited queue_delay
  kDeadline,  // waiting longer would have missed a deadline
  kFlush,     // no more input will come
  kBypass,    // a realtime request, alone
  kMemory,    // the ceiling that memory allows, which is below batch_max
};
inline constexpr std::size_t kCloseReasonCount = 7;

// Regular lanes run batches. The bypass lane is one extra lane that is kept free: for realtime
// requests, and for a lone one, which a network that uses all cores answers soonest.
enum class LaneKind : std::uint8_t { kRegular, kBypass };

[[nodiscard]] constexpr std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::kFull: return "full";
    case CloseReason::kIdle: return "idle";
    case CloseReason::kDelay: return "delay";
    case CloseReason::kDeadline: return "deadline";
    case CloseReason::kFlush: return "flush";
    case CloseReason::kBypass: return "bypass";
    case CloseReason::kMemory: return "memory";
  }
  return "unknown";
}

struct Policy {
  // Most pictures of a batch.
  int batch_max = 8;
  // A batch never waits longer than this for more pictures. Raise it where throughput counts and
  // arrivals are sparse; it is only ever paid where a fuller batch is measurably cheaper.
  Duration queue_delay = std::chrono::milliseconds(10);
  // After each such wait for its turn a request counts as one class higher.
  Duration priority_ageing = std::chrono::milliseconds(100);
  // A fuller batch pays if it cuts the time of a picture by at least this share.
  double worthwhile_gain = 0.05;
};

// One queue: the pictures of one shape bucket.
struct BucketView {
  std::size_t bucket = 0;
  int waiting = 0;
  TimePoint oldest;                            // meaningful where waiting > 0
  std::optional<TimePoint> earliest_deadline;
  // Learned times of one batch; empty until learned.
  std::optional<Duration> run_time_one;   // with one picture
  std::optional<Duration> run_time_now;   // with the pictures waiting now, at most batch_max
  std::optional<Duration> run_time_full;  // with batch_max pictures
};

struct QueueView {
  std::span<const BucketView> buckets;
  int idle_lanes = 1;  // the asking lane included
  int lane_count = 1;
  bool flushing = false;
};

struct Idle {};
struct WaitUntil {
  TimePoint time;
};
struct Launch {
  std::size_t bucket;
  int count;
  CloseReason reason;
};
using Decision = std::variant<Idle, WaitUntil, Launch>;

// Decides for one idle lane. Among the buckets that may launch, the one with the oldest picture
// goes first, so alternating shapes fill their own batches and none starves. Where a fuller batch
// is cheaper, idle lanes share what waits; where it is not, all lanes do, busy ones too: the last
// pictures of a run then end on all lanes at the same time.
//
// Cost     O(buckets).
[[nodiscard]] Decision decide(const Policy& policy, const QueueView& view, TimePoint now);

}  // namespace shoal
