#include "pipeline/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "pipeline/memory_limits.h"

namespace shoal {
namespace {

// Surfaces of an H.264 decoder: four reference pictures (level 4.0 at 1080p, table A-1 of H.264),
// the one that is written and the one that is shown. YUV 4:2:0 has 1.5 bytes a pixel.
constexpr int kSurfaces = 6;
// Pictures of a stream in flight: one at work, one waiting.
constexpr int kInFlight = 2;

std::int64_t pixels(Size size) { return std::int64_t{size.width} * size.height; }

std::int64_t surface_bytes(Size size) { return kSurfaces * pixels(size) * 3 / 2; }

std::string bytes_a_value(Precision precision) {
  return precision == Precision::kBf16 ? "2 B" : "4 B";
}

std::string slots(const MemoryShape& shape) {
  return fmt::format("{} {} x {}", shape.lanes, shape.lanes == 1 ? "lane" : "lanes", shape.batch);
}

const NetworkCost& largest(const std::vector<NetworkCost>& networks,
                           std::int64_t NetworkCost::*value) {
  return *std::max_element(networks.begin(), networks.end(),
                           [value](const NetworkCost& a, const NetworkCost& b) {
                             return a.*value < b.*value;
                           });
}

void add_engine_rows(Budget& budget) {
  const MemoryShape& shape = budget.shape;
  const EngineMemory memory = plan_memory(budget.networks, shape);
  const auto& networks = budget.networks;
  const std::string copies =
      networks.size() == 1 ? "" : fmt::format("{} shapes x ", networks.size());
  budget.rows.push_back({Part::kWeights,
                         fmt::format("{}{:.2f} M parameters x {}", copies,
                                     static_cast<double>(networks.front().parameters) / 1e6,
                                     bytes_a_value(shape.precision)),
                         memory.weights, ""});
  const NetworkCost& input = largest(networks, &NetworkCost::input_bytes);
  budget.rows.push_back({Part::kInputs,
                         fmt::format("{} x 3 x {} x {} x 1 B", slots(shape), input.size.height,
                                     input.size.width),
                         memory.inputs, ""});
  const NetworkCost& output = largest(networks, &NetworkCost::output_bytes);
  budget.rows.push_back(
      {Part::kOutputs, fmt::format("{} x {} values x 4 B", slots(shape), output.output_bytes / 4),
       memory.outputs, ""});
  const NetworkCost& active = largest(networks, &NetworkCost::activation_bytes);
  const auto pictures = memory.activations / std::max<std::int64_t>(1, active.activation_bytes);
  budget.rows.push_back({Part::kActivations,
                         networks.size() == 1
                             ? fmt::format("{} x largest set of live tensors", pictures)
                             : fmt::format("{}largest sets of live tensors", copies),
                         memory.activations, "peak at " + active.activation_peak});
  budget.rows.push_back({Part::kWorkspace,
                         fmt::format("{} kernels on {} {}", networks.front().kernels, shape.lanes,
                                     shape.lanes == 1 ? "stream" : "streams"),
                         memory.workspace, "OpenVINO's own: an estimate"});
}

}  // namespace

std::string_view to_string(Part part) {
  switch (part) {
    case Part::kWeights: return "weights";
    case Part::kInputs: return "inputs";
    case Part::kOutputs: return "outputs";
    case Part::kActivations: return "activations";
    case Part::kWorkspace: return "workspace";
    case Part::kDecode: return "decode buffers";
    case Part::kQueues: return "queues";
    case Part::kProgram: return "program";
  }
  return "unknown";
}

Result<StreamKind> parse_stream(std::string_view text) {
  StreamKind kind;
  const char* end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, kind.size.width);
  bool good = width.ec == std::errc() && width.ptr != end && *width.ptr == 'x';
  if (good) {
    const auto height = std::from_chars(width.ptr + 1, end, kind.size.height);
    good = height.ec == std::errc() && height.ptr != end && *height.ptr == '@';
    if (good) {
      const auto fps = std::from_chars(height.ptr + 1, end, kind.fps);
      good = fps.ec == std::errc() && fps.ptr == end;
    }
  }
  const auto sane = [](int side) { return side >= 16 && side <= 16384; };
  if (good && sane(kind.size.width) && sane(kind.size.height) && kind.fps > 0 && kind.fps <= 1000) {
    return kind;
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("--stream: expected WIDTHxHEIGHT@FPS such as 1920x1080@30, got {}",
                           text)};
}

std::int64_t Budget::sum() const {
  std::int64_t sum = 0;
  for (const BudgetRow& row : rows) sum += row.bytes;
  return sum;
}

Budget plan_budget(const ModelCosts& costs, const BudgetOptions& options) {
  Budget budget;
  budget.model = costs.model.name;
  budget.networks = costs.networks;
  budget.limit = options.limit;
  budget.shape = costs.wanted;
  // Measured at load, and seldom better on a CPU: only where it is asked for it is planned.
  budget.shape.batched = costs.wanted.batched && !costs.wanted.measured;
  add_engine_rows(budget);

  const Size picture = options.stream ? options.stream->size : options.picture;
  if (options.stream) {
    budget.rows.push_back({Part::kDecode,
                           fmt::format("{} surfaces x {} x {} x 1.5 B", kSurfaces, picture.width,
                                       picture.height),
                           surface_bytes(picture), "one stream"});
  } else {
    budget.rows.push_back({Part::kDecode,
                           fmt::format("{} threads x {} x {} x 3 B", options.decode_threads,
                                       picture.width, picture.height),
                           options.decode_threads * pixels(picture) * 3,
                           "to turn pictures upright"});
  }
  const int in_flight = options.stream ? std::min(kInFlight, options.requests_max)
                                       : options.requests_max;
  budget.rows.push_back({Part::kQueues,
                         fmt::format("{} pictures x {} x {} x 3 B", in_flight, picture.width,
                                     picture.height),
                         in_flight * pixels(picture) * 3,
                         options.stream ? "one stream" : "at most"});
  budget.rows.push_back({Part::kProgram, "Shoal and its libraries", kProgramBytes, ""});

  budget.fitting = budget.shape;
  if (options.limit <= 0) return budget;
  budget.fits = budget.sum() <= options.limit;
  const std::int64_t engine = plan_memory(budget.networks, budget.shape).total();
  const std::int64_t rest = options.limit - (budget.sum() - engine);
  const auto fitting =
      fit_memory(budget.networks, budget.shape, std::max<std::int64_t>(1, rest));
  if (fitting) {
    budget.fitting = *fitting;
  } else {
    budget.fitting.batch = budget.fitting.lanes = 0;
  }
  budget.largest_batch = largest_batch(budget.networks, budget.shape, rest, kBatchMost);
  if (!options.stream) return budget;
  budget.stream_bytes = surface_bytes(picture) + kInFlight * pixels(picture) * 3;
  const auto usable =
      static_cast<std::int64_t>(static_cast<double>(options.limit) * (1 - kReserve));
  budget.streams_by_memory =
      std::max<std::int64_t>(0, (usable - engine - kProgramBytes) / budget.stream_bytes);
  return budget;
}

std::int64_t BudgetCheck::streams_by_compute(double fps) const {
  return static_cast<std::int64_t>(std::floor(images_per_second * (1 - kReserve) / fps));
}

}  // namespace shoal
