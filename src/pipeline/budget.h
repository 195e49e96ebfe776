// The memory plan of a model with its pictures and streams: what it needs, what fits a limit, and,
// after loading it, what it really takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine_load.h"
#include "shoal/options.h"
#include "shoal/result.h"

namespace shoal {

// Streams of one kind: "1920x1080@30".
struct StreamKind {
  Size size{1920, 1080};
  double fps = 30;
};
// Errors   invalid_argument, with what was expected.
[[nodiscard]] Result<StreamKind> parse_stream(std::string_view text);

struct BudgetOptions {
  std::int64_t limit = 0;       // bytes; 0: no limit
  std::optional<StreamKind> stream;
  int decode_threads = 2;
  int requests_max = 64;        // pictures in flight
  Size picture{1920, 1080};     // the size they are planned for, where there is no stream
};

enum class Part : std::uint8_t {
  kWeights, kInputs, kOutputs, kActivations, kWorkspace, kDecode, kQueues, kProgram,
};
inline constexpr std::size_t kPartCount = 8;
[[nodiscard]] std::string_view to_string(Part part);

struct BudgetRow {
  Part part = Part::kWeights;
  std::string formula;      // with this model's numbers
  std::int64_t bytes = 0;
  std::string note;         // "peak at /model.0/conv"
};

struct Budget {
  std::string model;              // its name
  MemoryShape shape;              // that the rows are of
  std::vector<NetworkCost> networks;
  std::vector<BudgetRow> rows;    // one a part
  std::int64_t limit = 0;
  bool fits = true;               // the sum is within the limit
  MemoryShape fitting;            // what a load under the limit would run
  int largest_batch = 0;          // within the limit, with the lanes of `shape`; at most kBatchMost
  std::int64_t stream_bytes = 0;  // of one more stream: its decoder and its pictures in flight
  std::int64_t streams_by_memory = 0;  // with kReserve; 0 without a limit or a kind of stream

  [[nodiscard]] std::int64_t sum() const;
};
inline constexpr int kBatchMost = 1024;
inline constexpr double kReserve = 0.3;

// Reckons without loading. `costs` are those of the options' model.
[[nodiscard]] Budget plan_budget(const ModelCosts& costs, const BudgetOptions& options);

// What loading and running showed. Bytes; anonymous memory, without files.
struct BudgetCheck {
  MemoryShape shape;               // that was loaded
  EngineMemory planned;            // of this shape
  std::int64_t engine = 0;         // weights and workspace: OpenVINO's own, measured together
  // Trial runs at load, where both ways of execution were tried or a batch is one call, have
  // written the activations already: then they are part of `engine`.
  bool activations_apart = true;
  std::int64_t buffers = 0;        // inputs and outputs, by malloc's accounting
  std::int64_t activations = 0;    // after a run on every lane, without the buffers
  std::int64_t queues = 0;         // requests_max pictures
  std::int64_t program = 0;        // resident before the model
  std::int64_t resident = 0;       // all of the process in the end
  double images_per_second = 0;
  std::string engine_summary;

  // Streams that the network keeps up with, kReserve left.
  [[nodiscard]] std::int64_t streams_by_compute(double fps) const;
};

// Loads, runs and measures; nothing stays loaded. What it measures is this process: call it where
// nothing else runs.
//
// Errors   those of load_engine.
// Cost     a load and about three seconds on all cores.
[[nodiscard]] Result<BudgetCheck> check_budget(const DetectorOptions& detector,
                                               const EngineOptions& engine,
                                               const BudgetOptions& options);

}  // namespace shoal
