// When a batch closes, as a pure function: no clock, no lock, no side effect, so that the same
// code runs in the service, in the tests' tables and in the simulator.
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
  // After each such wait for its turn a request counts as one class higher. Lower it where low
  // priorities wait too long, raise it where high ones should hold out longer under overload.
  Duration priority_ageing = std::chrono::milliseconds(100);
  // Waiting for a fuller batch pays if it cuts the time of a picture by at least this share.
  double worthwhile_gain = 0.05;
  // A smaller batch is taken where a picture of it costs at most this share more: the answers come
  // sooner and the lane is free earlier. Negative: never, as where batch sizes are measured.
  double tolerated_loss = 0.01;
};

// One queue: the pictures of one shape bucket. Realtime ones are counted apart.
struct BucketView {
  std::size_t bucket = 0;
  int batch_max = 1;  // the policy's, or less where memory allows no more
  int waiting = 0;
  // Meaningful where waiting > 0:
  TimePoint oldest;  // when the one that waits longest came
  TimePoint turn;    // of the one that goes next; the smallest of all buckets goes first
  std::optional<TimePoint> earliest_deadline;
  int realtime = 0;
  TimePoint realtime_turn;  // meaningful where realtime > 0
  // Learned times of batches of 1, 2, ... pictures, at least batch_max of them; empty: none yet.
  std::span<const Duration> run_times;
  int known_max = 0;  // the largest size whose time is well known
};

struct QueueView {
  std::span<const BucketView> buckets;
  LaneKind asking = LaneKind::kRegular;
  int idle_lanes = 1;  // regular ones; the asking lane included if it is one
  int lane_count = 1;  // regular ones
  bool bypass_idle = false;  // there is a bypass lane and it has nothing to do
  bool flushing = false;
  // A regular lane has just been given a realtime request.
  bool realtime_before = false;
  // Try what waits as one batch even where smaller ones seem as cheap: times change.
  bool exploring = false;
};

struct Idle {};
struct WaitUntil {
  TimePoint time;
};
struct Launch {
  std::size_t bucket;
  int count;
  CloseReason reason;  // kBypass: the realtime request whose turn it is; else never one of those
};
using Decision = std::variant<Idle, WaitUntil, Launch>;

// Decides for one idle lane.
//
// The bypass lane takes realtime requests, each alone, and a request that is the only one while
// all regular lanes are idle; nothing else. While it is idle regular lanes leave it those.
// Where it is busy, or there is none, a regular lane takes realtime requests first, each alone,
// but not two in a row while another request has waited so long that it counts as high as they.
//
// Among the buckets that may launch, the one with the smallest turn goes first, so alternating
// shapes fill their own batches and none starves. Where a fuller batch is cheaper, idle lanes share
// what waits; where it is not, all lanes do, busy ones too: the last pictures of a run then end on
// all lanes at the same time. Of two batch sizes that cost a picture the same the smaller one goes,
// and one that meets the earliest deadline rather than one that does not.
//
// Cost     O(buckets + batch_max).
[[nodiscard]] Decision decide(const Policy& policy, const QueueView& view, TimePoint now);

// The size at which a picture costs least, or hardly more, among batches of 1 to `count`: the
// smallest such. Where the times of so many are not well known: twice the largest that is, if that
// one pays; `count` where none is. REQUIRES: count >= 1.
[[nodiscard]] int smallest_as_cheap(const Policy& policy, const BucketView& bucket, int count);

}  // namespace shoal
