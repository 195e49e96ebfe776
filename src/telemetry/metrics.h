// Counters of the service: what answered requests add up to. No text here: metric_families.h says
// how they are exposed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/request_record.h"
#include "telemetry/duration_window.h"
#include "telemetry/model_index.h"

namespace shoal {

using Count = std::atomic<std::uint64_t>;

inline constexpr std::size_t kErrorCodes = 11;  // of ErrorCode
inline constexpr std::array<std::string_view, 7> kCloseReasonNames{
    "full", "idle", "delay", "deadline", "bypass", "flush", "memory"};
inline constexpr std::array<std::string_view, 6> kDoorNames{"http", "grpc",   "rest",
                                                            "library", "detect", "camera"};
inline constexpr std::string_view kOtherName = "other";

enum class Stage : std::uint8_t { kDecode, kQueue, kPreprocess, kInference, kPostprocess, kTotal };
inline constexpr std::array<std::string_view, 6> kStageNames{
    "decode", "queue", "preprocess", "inference", "postprocess", "total"};
// Upper edges of the stages' histograms, seconds; one more bucket takes the rest.
inline constexpr std::array<double, 16> kStageEdges{0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01,
                                                    0.02,   0.035,  0.05,  0.075, 0.1,   0.2,
                                                    0.5,    1,      2.5,   10};

// What the five nv_ durations and summaries are of.
enum class Span : std::uint8_t { kRequest, kQueue, kComputeInput, kComputeInfer, kComputeOutput };
inline constexpr std::size_t kSpans = 5;

inline constexpr std::size_t kBatchSizeMax = 1024;  // of the options; above counts as it

// Of one model, since the start of the process; survives reloads. Durations in nanoseconds, of
// requests that were answered with a result.
struct ModelCounters {
  struct StageCounts {
    std::array<Count, kStageEdges.size() + 1> buckets{};
    Count nanoseconds{0};
  };

  Count success{0};
  std::array<Count, kErrorCodes> errors{};    // answered with the error
  std::array<Count, kErrorCodes> dropped{};   // of these, what never reached a lane
  std::array<Count, kErrorCodes> refusals{};  // never accepted: no record was made
  std::array<Count, kDoorNames.size() + 1> doors{};
  std::array<Count, kSpans> spans{};
  std::array<StageCounts, kStageNames.size()> stages{};
  Count late{0};            // ran, and was then answered with kDeadlineExceeded
  Count input_pixels{0};    // of the network's input
  Count padding_pixels{0};  // of these
  Count chunked{0};         // requests whose batch was split for want of memory
  Count retried{0};         // requests whose batch met a failed allocation
  Count detections{0};
  Count truncated{0};
  // [close reason][batch size] -> pictures that ran so. Every picture of a batch comes with its
  // own record, so a batch of n counts n times: batches of a size are pictures / size.
  std::array<std::array<Count, kBatchSizeMax + 1>, kCloseReasonNames.size() + 1> pictures{};
  std::array<DurationWindow, kSpans> windows;
  std::atomic<std::int64_t> load_ns{-1};  // of the last load; -1: never told

  // Exact once every picture of a batch is answered.
  [[nodiscard]] std::uint64_t batches(std::size_t reason) const;
  [[nodiscard]] std::uint64_t batches_of(std::size_t size) const;
};

// Threads  all methods may be called from any thread, advance_windows() by one.
class Metrics {
 public:
  // Before anything is counted for the number.
  //
  // Cost     allocates about 0.2 MB.
  void add_model(int model);
  [[nodiscard]] const ModelCounters& of(int model) const { return counters(model); }

  // Cost     some 25 relaxed atomic increments; no lock, no allocation.
  void count(int model, const RequestRecord& record) noexcept;
  // A call that was refused at the door, so that no record will come.
  void count_refusal(int model, ErrorCode code, std::uint64_t items) noexcept;
  void set_load_time(int model, Duration duration) noexcept;

  // To be called about every 10 s.
  void advance_windows(int models) noexcept;

 private:
  [[nodiscard]] ModelCounters& counters(int model) const {
    return *models_[static_cast<std::size_t>(model)];
  }

  std::array<std::unique_ptr<ModelCounters>, ModelIndex::kModelsMax> models_;
};

}  // namespace shoal
