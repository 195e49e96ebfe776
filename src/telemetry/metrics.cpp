#include "telemetry/metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace shoal {
namespace {

void add(Count& count, std::uint64_t value) noexcept {
  count.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t nanoseconds(Duration duration) noexcept {
  return static_cast<std::uint64_t>(std::max<Duration::rep>(0, duration.count()));
}

// The text's place in `names`, or one behind them.
template <std::size_t N>
std::size_t place_of(const std::array<std::string_view, N>& names, std::string_view text) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), text) - names.begin());
}

constexpr std::array<Duration, kStageEdges.size()> edges_as_durations() {
  std::array<Duration, kStageEdges.size()> edges{};
  for (std::size_t i = 0; i < edges.size(); ++i) {
    edges[i] = Duration(static_cast<Duration::rep>(kStageEdges[i] * 1e9 + 0.5));
  }
  return edges;
}
constexpr auto kEdges = edges_as_durations();

void count_times(ModelCounters& counters, const StageTimes& times) noexcept {
  const auto stage = [&](Stage which, Duration duration) {
    auto& counts = counters.stages[static_cast<std::size_t>(which)];
    const auto edge = std::lower_bound(kEdges.begin(), kEdges.end(), duration);
    add(counts.buckets[static_cast<std::size_t>(edge - kEdges.begin())], 1);
    add(counts.nanoseconds, nanoseconds(duration));
  };
  stage(Stage::kDecode, times.decode);
  stage(Stage::kQueue, times.queue);
  stage(Stage::kPreprocess, times.preprocess);
  stage(Stage::kInference, times.inference);
  stage(Stage::kPostprocess, times.postprocess);
  stage(Stage::kTotal, times.total);

  const auto span = [&](Span which, Duration duration) {
    add(counters.spans[static_cast<std::size_t>(which)], nanoseconds(duration));
    counters.windows[static_cast<std::size_t>(which)].add(duration);
  };
  span(Span::kRequest, times.total);
  span(Span::kQueue, times.queue);
  span(Span::kComputeInput, times.decode + times.preprocess);
  span(Span::kComputeInfer, times.inference);
  span(Span::kComputeOutput, times.postprocess);
}

void count_batch(ModelCounters& counters, const RequestRecord& record) noexcept {
  const std::size_t reason = place_of(kCloseReasonNames, record.batch.close_reason);
  const auto size = static_cast<std::size_t>(
      std::clamp<int>(record.batch_size, 1, static_cast<int>(kBatchSizeMax)));
  add(counters.pictures[reason][size], 1);
  const double pixels = static_cast<double>(record.batch.bucket.width) *
                        static_cast<double>(record.batch.bucket.height);
  add(counters.input_pixels, static_cast<std::uint64_t>(pixels));
  add(counters.padding_pixels,
      static_cast<std::uint64_t>(std::llround(pixels * std::clamp(record.pad_waste, 0.0, 1.0))));
  if (record.batch.chunks > 1) add(counters.chunked, 1);
  if (record.batch.retries > 0) add(counters.retried, 1);
}

}  // namespace

std::uint64_t ModelCounters::batches(std::size_t reason) const {
  std::uint64_t sum = 0;
  for (std::size_t size = 1; size <= kBatchSizeMax; ++size) {
    sum += pictures[reason][size].load(std::memory_order_relaxed) / size;
  }
  return sum;
}

std::uint64_t ModelCounters::batches_of(std::size_t size) const {
  std::uint64_t sum = 0;
  for (const auto& by_size : pictures) sum += by_size[size].load(std::memory_order_relaxed) / size;
  return sum;
}

void Metrics::add_model(int model) {
  models_[static_cast<std::size_t>(model)] = std::make_unique<ModelCounters>();
}

void Metrics::count(int model, const RequestRecord& record) noexcept {
  ModelCounters& counters = this->counters(model);
  add(counters.doors[place_of(kDoorNames, record.door)], 1);
  if (record.error) {
    const auto code = static_cast<std::size_t>(*record.error);
    add(counters.errors[code], 1);
    if (record.batch.id == 0) add(counters.dropped[code], 1);
    if (record.batch.id != 0 && *record.error == ErrorCode::kDeadlineExceeded) {
      add(counters.late, 1);
    }
    return;
  }
  add(counters.success, 1);
  add(counters.detections,
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, record.detections)));
  if (record.truncated) add(counters.truncated, 1);
  count_times(counters, record.times);
  if (record.batch.id != 0) count_batch(counters, record);
}

void Metrics::count_refusal(int model, ErrorCode code, std::uint64_t items) noexcept {
  add(counters(model).refusals[static_cast<std::size_t>(code)], items);
}

void Metrics::set_load_time(int model, Duration duration) noexcept {
  counters(model).load_ns.store(
      std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count(),
      std::memory_order_relaxed);
}

void Metrics::advance_windows(int models) noexcept {
  for (int model = 0; model < models; ++model) {
    for (DurationWindow& window : counters(model).windows) window.advance();
  }
}

}  // namespace shoal
