// The one interface of all engines: an Engine holds a loaded model, its InferLanes run batches.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/pool.h"
#include "core/tensor.h"
#include "engine/engine_memory.h"
#include "engine/load_limits.h"
#include "engine/model.h"
#include "shoal/result.h"

namespace shoal {

enum class Precision : std::uint8_t { kAuto, kFp32, kBf16, kFp16, kInt8 };

// How a batch of more than one picture is executed.
enum class Execution : std::uint8_t {
  kAuto,     // measured at load, remembered for the machine
  kSpread,   // batch-1 inferences, lanes in parallel
  kBatched,  // one call for the whole batch
};

// What the caller optimises for.
enum class PerformanceMode : std::uint8_t {
  kThroughput,  // one lane a core, one thread a lane
  kLatency,     // one lane that uses all cores
};

struct EngineOptions {
  std::string name = "auto";             // auto | openvino (later: native, cuda)
  Precision precision = Precision::kAuto;
  PerformanceMode mode = PerformanceMode::kThroughput;
  Execution execution = Execution::kAuto;
  int batch_max = 8;                     // most pictures of one run(); memory grows with it
  int lanes = 0;                         // 0: one a core (throughput) or one (latency)
  bool wide_lane = false;                // also prepare create_wide_lane(): another compiled copy
  // Tensors as the file declares them: no conversion of pictures, every output, f32. The lane's
  // input() is then the packed f32 tensor of a slot. Only the exported size.
  bool raw = false;
  std::vector<Size> buckets;             // input sizes prepared at load; empty: as exported
  std::string family;                    // overrides recognition; "" = recognise
  std::vector<std::string> class_names;  // overrides the file's; must match its class count
  LoadLimits load;
  // Bytes that the engine may take; 0: any. Batch and lanes are reduced to what memory_plan.h says
  // fits; where nothing does, loading fails with kOutOfMemory before anything large is allocated.
  std::int64_t memory_limit = 0;
  std::string plan_cache;                // JSON file that remembers measured choices; "" = none
  std::string compile_cache;             // folder for compiled networks; "" = none
};

// One thread's share of an engine: an infer request and its buffers, allocated at creation.
//
// Threads  one caller at a time; different lanes are independent.
// Cost     input() and outputs() are look-ups; run() allocates nothing of Shoal's own.
class InferLane {
 public:
  virtual ~InferLane() = default;
  // Where preprocess writes picture `slot` of the next run: u8 [h, w, 3] of the bucket, packed, in
  // the model's channel order. REQUIRES: slot < batch_max.
  [[nodiscard]] virtual std::span<std::uint8_t> input(std::size_t bucket, int slot) = 0;
  // Runs slots first .. first+count-1; the others keep their inputs and outputs. An Error concerns
  // the whole run, whose inputs stay; the lane stays usable unless the code is kDeviceLost.
  [[nodiscard]] virtual Result<void> run_slots(std::size_t bucket, int first, int count) = 0;
  [[nodiscard]] Result<void> run(std::size_t bucket, int count) {
    return run_slots(bucket, 0, count);
  }
  // The outputs of `slot` of its last run, f32, in the order of the model description; valid
  // until the next run of that slot or of another bucket.
  [[nodiscard]] virtual HeadView outputs(std::size_t bucket, int slot) const = 0;
};

// A loaded model. Immutable after load; outlives its lanes.
//
// Threads  const methods and create_lane() may be called from any thread.
class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual const ModelDescription& model() const = 0;
  [[nodiscard]] virtual std::span<const Size> buckets() const = 0;  // at least one
  [[nodiscard]] virtual int batch_max() const = 0;
  [[nodiscard]] virtual int lane_count() const = 0;  // how many lanes the measured plan wants
  [[nodiscard]] virtual Precision precision() const = 0;  // what runs, never kAuto
  // For people: "openvino bf16, 2 lanes, batch spread (measured 45.1 against 44.0 images/s)".
  [[nodiscard]] virtual std::string summary() const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<InferLane>> create_lane() = 0;
  // A lane for one picture at a time that uses all cores, beside the others: for who is alone or in
  // a hurry. nullptr where EngineOptions::wide_lane was not set, or it would be no wider.
  [[nodiscard]] virtual Result<std::unique_ptr<InferLane>> create_wide_lane() {
    return std::unique_ptr<InferLane>();
  }
  // The plan of what was loaded, all lanes included.
  [[nodiscard]] virtual EngineMemory memory() const { return {}; }
  // The buffers of all lanes that there are.
  [[nodiscard]] virtual PoolGauge lane_memory() const { return {.name = "lanes"}; }
};

[[nodiscard]] constexpr std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::kAuto: return "auto";
    case Precision::kFp32: return "fp32";
    case Precision::kBf16: return "bf16";
    case Precision::kFp16: return "fp16";
    case Precision::kInt8: return "int8";
  }
  return "auto";
}

}  // namespace shoal
