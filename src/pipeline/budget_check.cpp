// Loads, runs and measures what the plan says. Apart from the plan, which needs no machine.
#include <malloc.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "pipeline/bench.h"
#include "pipeline/budget.h"
#include "pipeline/loading.h"
#include "telemetry/process.h"

namespace shoal {
namespace {

// What is free goes back to the system first, so that two figures can be compared.
std::int64_t anonymous_bytes() {
  malloc_trim(0);
  return process_memory().anonymous_bytes;
}

// What malloc has given out.
std::int64_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<std::int64_t>(info.uordblks) + static_cast<std::int64_t>(info.hblkhd);
}

using Lanes = std::vector<std::unique_ptr<InferLane>>;

Result<Lanes> create_lanes(Engine& engine) {
  Lanes lanes;
  for (int i = 0; i < engine.lane_count(); ++i) {
    lanes.push_back(SHOAL_TRY(engine.create_lane()));
  }
  return lanes;
}

// Every slot of every bucket once, all lanes at the same time, so that every buffer is written.
Result<void> run_all(const Engine& engine, const Lanes& lanes) {
  std::vector<Result<void>> results(lanes.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      threads.emplace_back([&, i] {
        for (std::size_t bucket = 0; bucket < engine.buckets().size() && results[i]; ++bucket) {
          for (int slot = 0; slot < engine.batch_max(); ++slot) {
            std::ranges::fill(lanes[i]->input(bucket, slot), std::uint8_t{114});
          }
          results[i] = lanes[i]->run(bucket, engine.batch_max());
        }
      });
    }
  }
  for (const Result<void>& result : results) {
    if (!result) return result.error();
  }
  return {};
}

std::int64_t measure_queues(const BudgetOptions& options) {
  const Size size = options.stream ? options.stream->size : options.picture;
  const int count = options.stream ? std::min(2, options.requests_max) : options.requests_max;
  const std::size_t bytes =
      static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3;
  const std::int64_t before = anonymous_bytes();
  std::vector<PixelBuffer> pictures(static_cast<std::size_t>(count));
  for (PixelBuffer& one : pictures) {
    std::uint8_t* data = one.reserve(bytes);
    if (data == nullptr) return 0;
    std::fill_n(data, bytes, std::uint8_t{1});
  }
  return process_memory().anonymous_bytes - before;
}

}  // namespace

Result<BudgetCheck> check_budget(const DetectorOptions& detector, const EngineOptions& engine,
                                 const BudgetOptions& options) {
  BudgetCheck check;
  // Large blocks come fresh from the system, not from what was used before: else malloc raises its
  // threshold, and pages that the load left behind would count for what comes next.
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  check.program = process_memory().resident_bytes;
  const std::int64_t before = anonymous_bytes();
  const auto loaded = SHOAL_TRY(load_engine(resolve_model(detector.model), engine));
  const std::int64_t after_load = anonymous_bytes();
  const std::int64_t allocated = allocated_bytes();
  std::int64_t released = 0;
  {
    const Lanes lanes = SHOAL_TRY(create_lanes(*loaded));
    check.buffers = allocated_bytes() - allocated;
    const std::int64_t before_run = allocated_bytes();
    SHOAL_TRY(run_all(*loaded, lanes));
    check.activations = anonymous_bytes() - after_load - check.buffers;
    // Every stream of OpenVINO has an input of its own, which it clears at load and gives back when
    // it is first run on one of ours: until then it is resident, and hides as much of the tensors.
    const std::int64_t inputs = loaded->memory().inputs / loaded->batch_max();
    if (before_run - allocated_bytes() >= inputs * 9 / 10) released = inputs;
    check.activations += released;
    check.resident = process_memory().resident_bytes;
  }
  check.engine = after_load - before - released;
  check.planned = loaded->memory();
  check.activations_apart = loaded->summary().find("measured") == std::string::npos &&
                            loaded->summary().find("batched (") == std::string::npos &&
                            engine.execution != Execution::kBatched;
  if (!check.activations_apart) check.engine += std::exchange(check.activations, 0);
  check.shape = {.precision = loaded->precision(), .batch = loaded->batch_max(),
                 .lanes = loaded->lane_count()};
  check.engine_summary = loaded->summary();
  BenchOptions bench;
  bench.from = BenchFrom::kDevice;
  bench.seconds = 2;
  check.images_per_second = SHOAL_TRY(bench_network(*loaded, bench)).images_per_second;
  check.queues = measure_queues(options);
  return check;
}

}  // namespace shoal
