// A loaded model behind doors: calls of one or many items in, one answer each out. Splits calls
// into requests, bounds what is in flight, keeps the statistics. Doors (HTTP, gRPC, the library)
// differ only in how they read calls and write answers.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/pool.h"
#include "core/request.h"
#include "core/request_record.h"
#include "decode/picture_decoder.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

class FeedClient;
class HostFeed;
struct FeedOptions;

struct CallOptions {
  Priority priority = Priority::kNormal;
  // Of the whole call. Empty: each item waits for its turn at most HostOptions::timeout.
  std::optional<TimePoint> deadline;
  SourceKey source;         // who asks; sources take turns
  std::string source_name;  // for the log
  std::string request_id;   // for the log; "" = the host makes one
  std::string_view door;    // static text: "http", "grpc", "rest", "library"
  TimePoint arrived{};      // when the call's first byte came; {}: now
  // Only detections above it; at least the model's own threshold. Empty: the model's own.
  std::optional<float> confidence;
  bool keep_pixels = false;  // detect: the answer's outcomes hold the decoded pictures
  // For the log: who asks, where that is a camera.
  [[nodiscard]] std::string_view camera() const {
    return door == "camera" ? std::string_view(source_name) : std::string_view();
  }
};

// One picture of a call: the bytes of a picture file, or pixels.
struct PictureItem {
  std::span<const std::uint8_t> encoded;  // used where `pixels.data` is null
  ImageView pixels;
  std::string_view name = {};  // in messages; "": "picture 3". Lives as long as the bytes
};

struct DetectCall {
  std::vector<PictureItem> items;      // at least one
  std::shared_ptr<const void> owner;   // keeps the items' bytes alive until `done` has returned
  CallOptions options;
};

// Raw tensors: what the model file itself takes and returns, no letterbox, no boxes.
struct TensorCall {
  // One a batch position: the network's input, f32, packed, in the file's own layout and scale.
  std::vector<std::span<const float>> items;
  std::shared_ptr<const void> owner;
  CallOptions options;
};

// One item's answer. An item fails alone.
struct CallItem {
  Outcome outcome;                 // detections, error, times; pixels where asked for
  std::vector<RawOutput> tensors;  // TensorCall: in the order of tensor_outputs()
};
using CallItems = std::vector<CallItem>;  // in the order of the call's items

// Called exactly once, on a thread of the host: hand over, do not work there.
using CallDone = std::function<void(CallItems)>;

// The right to withdraw a call. Dropping the handle does not withdraw it.
class CallHandle {
 public:
  CallHandle() = default;
  explicit CallHandle(std::shared_ptr<std::atomic<bool>> flag) : flag_(std::move(flag)) {}
  // What has not reached the network is answered with kCancelled. Any thread; idempotent.
  void cancel() const {
    if (flag_) flag_->store(true, std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

struct HostOptions {
  // Most items in flight (waiting or running), all calls together. More hides overload as latency.
  int queue_limit = 256;
  // Where a call names no deadline: longest wait of an item for its turn.
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds priority_ageing{100};  // as Policy
  bool bypass_lane = true;  // one more lane, on all cores: another compiled copy of the network
  PictureLimits limits;
  std::string plan_cache;               // as EngineOptions
  LoadLimits load;                      // as EngineOptions
  Execution execution = Execution::kAuto;
  RequestObserver* observer = nullptr;  // outlives the host
};

// Counts and total time of one kind of event.
struct EventTotals {
  std::uint64_t count = 0;
  std::uint64_t nanoseconds = 0;
};

// What KServe's statistics extension asks for. Items count, not calls, as one item is one
// inference of the network.
struct HostStatistics {
  EventTotals success, fail, queue, compute_input, compute_infer, compute_output;
  std::uint64_t inference_count = 0;  // items that ran
  std::uint64_t execution_count = 0;  // batches
  std::int64_t last_inference_ms = 0;  // wall clock; 0: never
  struct BatchSize {
    int size = 0;
    EventTotals compute_input, compute_infer, compute_output;  // one entry a batch
  };
  std::vector<BatchSize> batch_sizes;
  std::size_t pending = 0;            // accepted, not yet answered; of both entries together
  std::size_t waiting = 0;            // of these, not yet taken by a lane
  int lanes = 0;
  int batch_max = 0;  // what runs: less than was asked for where memory is short
  int idle_lanes = 0;
};

struct TensorDescription {
  std::string name;
  Shape shape;  // of one item: no batch axis
};

// Threads  all methods may be called from any thread.
class ModelHost {
 public:
  // Errors   those of load_engine and the options.
  // Cost     seconds.
  [[nodiscard]] static Result<std::shared_ptr<ModelHost>> load(std::string name,
                                                               const DetectorOptions& detector,
                                                               const HostOptions& options);
  virtual ~ModelHost() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual const ModelDescription& model() const = 0;
  [[nodiscard]] virtual const DetectorOptions& detector_options() const = 0;
  [[nodiscard]] virtual std::string summary() const = 0;  // one line for people
  // Of the raw entry, as the model file declares them. f32 all.
  [[nodiscard]] virtual const TensorDescription& tensor_input() const = 0;
  [[nodiscard]] virtual std::span<const TensorDescription> tensor_outputs() const = 0;

  // Starts a call. An Error means that it was not accepted and `done` will not be called:
  // kQueueFull (try again later), kDeadlineExceeded (could not be met), kCancelled (closing),
  // kInvalidArgument (no items, a tensor of the wrong length, a confidence below the model's).
  //
  // Chunking  a call of more items than fit is fed as earlier ones are answered; it is accepted as
  //           soon as its first item is.
  [[nodiscard]] virtual Result<CallHandle> detect(DetectCall call, CallDone done) = 0;
  // The first call compiles the raw network, in the background; calls wait for it, seconds.
  [[nodiscard]] virtual Result<CallHandle> infer(TensorCall call, CallDone done) = 0;

  // A way in for a camera; see host_feed.h. The feed ends before the host does.
  // Errors   kQueueFull: no request is free; kCancelled: closing; kInvalidArgument: a confidence
  //          below the model's.
  [[nodiscard]] virtual Result<std::unique_ptr<HostFeed>> feed(FeedClient& client,
                                                               FeedOptions options) = 0;

  // Seconds after which a refused client should try again: the expected wait, rounded up, >= 1.
  [[nodiscard]] virtual int retry_after_s() const = 0;
  // Memory that Shoal itself holds for the model: requests, lane buffers.
  [[nodiscard]] virtual std::vector<PoolGauge> pools() const { return {}; }
  [[nodiscard]] virtual HostStatistics statistics(bool raw) const = 0;  // of the raw entry or not

  // No new calls; returns when everything accepted is answered. Idempotent.
  virtual void close() = 0;
};

}  // namespace shoal
