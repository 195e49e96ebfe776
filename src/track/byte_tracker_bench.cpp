// The cost of a frame by the number of tracks: apart from each other, as a crowd in which boxes
// overlap, and as one heap in which everything overlaps everything, which no scene has.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

#include "track/byte_tracker.h"
#include "track/scene.h"

namespace shoal {
namespace {

enum class Crowd { kApart, kDense, kHeap };

// Walkers of 40 x 80 pixels with trembling boxes, a tenth of them faint, a twentieth missed.
std::vector<std::vector<Detection>> walkers(int count, Crowd crowd, int frames) {
  std::mt19937 random(20260311);
  std::normal_distribution<double> noise;
  const double spread = crowd == Crowd::kApart ? 95 : crowd == Crowd::kDense ? 28 : 1.5;
  const int columns = static_cast<int>(std::ceil(std::sqrt(2.0 * count)));
  std::vector<std::vector<Detection>> all(static_cast<std::size_t>(frames));
  for (int i = 0; i < frames; ++i) {
    for (int j = 0; j < count; ++j) {
      if (random() % 20 == 0) continue;
      const double phase = 0.05 * i + j;
      const double x = 50 + spread * (j % columns) + 12 * std::sin(phase) + noise(random);
      const double y = 50 + spread * (j / columns) + 12 * std::cos(phase) + noise(random);
      const float confidence = random() % 10 == 0 ? 0.3F : 0.9F;
      all[static_cast<std::size_t>(i)].push_back(
          {.box = {static_cast<float>(x), static_cast<float>(y), static_cast<float>(x + 40),
                   static_cast<float>(y + 80)},
           .confidence = confidence,
           .class_id = 0,
           .track_id = {}});
    }
  }
  return all;
}

void one_frame(benchmark::State& state, Crowd crowd) {
  const int frames = 126;  // two rounds of the walk, so that it goes on without a leap
  auto detections = walkers(static_cast<int>(state.range(0)), crowd, frames);
  std::uint32_t last_id = 0;
  ByteTracker tracker(TrackerOptions{}, [&] { return TrackId{++last_id}; });
  TimePoint now{};
  std::size_t frame = 0;
  const auto step = [&] {
    now += std::chrono::milliseconds(40);
    tracker.update(detections[frame++ % detections.size()], now);
  };
  for (int i = 0; i < frames; ++i) step();
  for (auto _ : state) {
    step();
    benchmark::DoNotOptimize(tracker.objects().data());
  }
  state.counters["tracks"] = static_cast<double>(tracker.objects().size());
}

// Everything of a frame behind the network: filters, tracks, eight zones and four lines.
void whole_scene(benchmark::State& state) {
  auto detections = walkers(static_cast<int>(state.range(0)), Crowd::kDense, 126);
  std::uint32_t last_id = 0;
  SceneOptions options;
  options.next_id = [&] { return TrackId{++last_id}; };
  for (int i = 0; i < 8; ++i) {
    const double x = i / 8.0;
    options.zones.push_back({{{x, 0}, {x + 0.1, 0.1}, {x + 0.12, 0.8}, {x, 0.9}}, {}, {}});
  }
  for (int i = 1; i < 5; ++i) options.lines.push_back({{i / 5.0, 0.0}, {i / 5.0, 1.0}, {}});
  auto scene = Scene::create(std::move(options));
  if (!scene) return state.SkipWithError("the scene was refused");
  CameraResult result;
  result.outcome.size = {1920, 1080};
  std::size_t frame = 0;
  for (auto _ : state) {
    result.captured += std::chrono::milliseconds(40);
    result.captured_at += std::chrono::milliseconds(40);
    result.outcome.detections.items = detections[frame++ % detections.size()];
    (*scene)->update(result);
    benchmark::DoNotOptimize(result.tracks.data());
  }
}

BENCHMARK_CAPTURE(one_frame, apart, Crowd::kApart)->Arg(20)->Arg(200)->Arg(1000)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(one_frame, dense, Crowd::kDense)->Arg(20)->Arg(200)->Arg(1000)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(one_frame, heap, Crowd::kHeap)->Arg(200)->Unit(benchmark::kMicrosecond);
BENCHMARK(whole_scene)->Arg(20)->Arg(200)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace shoal
