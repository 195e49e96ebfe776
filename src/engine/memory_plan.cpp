#include "engine/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/memory_size.h"

namespace shoal {
namespace {

// OpenVINO 2026.4's plug-in, generated code and tables, measured on the models of docs/memory.md: a
// part for itself, one that a compiled network has once, and one that each of its streams has, the
// last two by its kernels.
constexpr std::int64_t kPluginBytes = 16 << 20;
constexpr std::int64_t kKernelBytes = 60 * 1024;
constexpr std::int64_t kStreamKernelBytes = 105 * 1024;

std::int64_t parameter_bytes(Precision precision) {
  return precision == Precision::kBf16 || precision == Precision::kFp16 ? 2 : 4;
}

std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

EngineMemory plan_memory(std::span<const NetworkCost> networks, const MemoryShape& shape) {
  EngineMemory memory;
  const std::int64_t lanes = shape.lanes;
  const std::int64_t batch = shape.batch;
  const bool wide = shape.wide_lane && lanes > 1;
  std::int64_t input = 0;
  std::int64_t output = 0;
  for (const NetworkCost& network : networks) {
    const bool batched = shape.batched && batch > 1 && !network.spread_only;
    const int copies = 1 + (batched ? 1 : 0) + (wide ? 1 : 0);
    memory.weights += copies * network.parameters * parameter_bytes(shape.precision);
    const std::int64_t streams = lanes * (batched ? 2 : 1) + (wide ? 1 : 0);
    if (memory.workspace == 0 && network.kernels > 0) memory.workspace = kPluginBytes;
    memory.workspace += network.kernels * (copies * kKernelBytes + streams * kStreamKernelBytes);
    const std::int64_t pictures = lanes * (1 + (batched ? batch : 0)) + (wide ? 1 : 0);
    memory.activations += pictures * network.activation_bytes;
    input = std::max(input, network.input_bytes);
    output = std::max(output, network.output_bytes);
  }
  // Buckets share a lane's buffers: it runs one at a time.
  const std::int64_t slots = lanes * batch + (wide ? 1 : 0);
  memory.inputs = aligned(slots * input);
  memory.outputs = aligned(slots * output);
  return memory;
}

Result<MemoryShape> fit_memory(std::span<const NetworkCost> networks, const MemoryShape& wanted,
                               std::int64_t limit) {
  const auto fits = [&](const MemoryShape& shape) {
    const EngineMemory memory = plan_memory(networks, shape);
    const std::int64_t trial = shape.batched && shape.measured ? memory.buffers() : 0;
    return limit <= 0 || memory.total() + trial <= limit;
  };
  MemoryShape shape = wanted;
  for (shape.lanes = wanted.lanes; shape.lanes >= 1; --shape.lanes) {
    for (shape.batch = wanted.batch; shape.batch >= 1; --shape.batch) {
      shape.batched = wanted.batched;
      if (fits(shape)) return shape;
      shape.batched = false;
      if (fits(shape)) return shape;
    }
  }
  shape = {.precision = wanted.precision, .batch = 1, .lanes = 1};
  if (fits(shape)) return shape;  // without the wide lane
  const EngineMemory least = plan_memory(networks, shape);
  return Error{ErrorCode::kOutOfMemory,
               fmt::format("one picture on one lane needs {} ({}), the memory limit leaves {}",
                           memory_text(least.total()), plan_text(least), memory_text(limit))};
}

int largest_batch(std::span<const NetworkCost> networks, MemoryShape shape, std::int64_t limit,
                  int most) {
  int fitting = 0;
  int too_large = most + 1;
  while (too_large - fitting > 1) {
    shape.batch = fitting + (too_large - fitting) / 2;
    (plan_memory(networks, shape).total() <= limit ? fitting : too_large) = shape.batch;
  }
  return fitting;
}

std::string plan_text(const EngineMemory& memory) {
  return fmt::format("weights {} + inputs {} + outputs {} + activations {} + workspace {}",
                     memory_text(memory.weights), memory_text(memory.inputs),
                     memory_text(memory.outputs), memory_text(memory.activations),
                     memory_text(memory.workspace));
}

}  // namespace shoal
