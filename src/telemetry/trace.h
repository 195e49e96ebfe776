// A trace on request: what the last requests did and when, as a file that ui.perfetto.dev and
// chrome://tracing open.
//
// start(), some traffic, then json(), after stop() or while it runs on. In the viewer a model is a
// process; it has a track for each lane, on which batches lie with their stages inside, tracks of
// the batches from the first picture's wait to the answer, of what waits in the queue and of whole
// requests, and a curve of the queue's depth. Times are those of the request log, laid out
// backwards from the answer; they begin at 0 with the first event.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/request_record.h"
#include "telemetry/logged_request.h"

namespace shoal {

// One request, as far as the trace shows it.
struct TracedRequest {
  int model = 0;
  FixedText<64> request_id;
  FixedText<16> door;
  TimePoint arrived;
  TimePoint answered;
  Size input;
  Priority priority = Priority::kNormal;
  Work work = Work::kPixels;
  BatchFacts batch;
  int batch_size = 0;
  StageTimes times;
  std::optional<ErrorCode> error;
  std::int64_t detections = 0;
};

// Threads  all methods may be called from any thread.
class Trace {
 public:
  // Forgets what there is and begins; `requests_max` (at least 1) are kept, the last ones.
  //
  // Cost     0.3 KB a request, taken here.
  void start(std::size_t requests_max = 16'384);
  void stop();
  [[nodiscard]] bool running() const { return running_.load(std::memory_order_relaxed); }

  // Cost     a load while no trace is running; else a short lock, and where that is taken for long
  //          the request is missed, and counted. Never blocks, never allocates.
  void add(int model, const RequestRecord& record) noexcept;

  [[nodiscard]] std::uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }

  // The trace in the Trace Event Format (JSON object form), running or stopped; with no requests a
  // trace without events. `model_name` is called with the numbers given to add().
  //
  // Cost     about 1 us an event, allocates; requests answered meanwhile wait in no queue for it.
  using ModelName = std::function<std::string(int model)>;
  [[nodiscard]] std::string json(const ModelName& model_name) const;

 private:
  [[nodiscard]] std::vector<TracedRequest> take_copy() const;  // oldest first

  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> missed_{0};
  mutable std::mutex mutex_;
  std::vector<TracedRequest> ring_;  // guarded by mutex_, as is the next
  std::uint64_t added_ = 0;          // ever; the ring's place is added_ % its size
};

}  // namespace shoal
