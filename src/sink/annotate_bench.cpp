// The cost of drawing one picture, and of one line of JSON.
#include <benchmark/benchmark.h>

#include <random>

#include "sink/annotate.h"
#include "sink/jsonl_sink.h"
#include "sink/picture_encoder.h"

namespace shoal {
namespace {

Detections scattered(int count, Size size) {
  std::mt19937 random(1);
  Detections detections;
  for (int i = 0; i < count; ++i) {
    const auto x = static_cast<float>(random() % static_cast<unsigned>(size.width - 100));
    const auto y = static_cast<float>(random() % static_cast<unsigned>(size.height - 100));
    Detection detection;
    detection.box = {x, y, x + 100, y + 100};
    detection.confidence = static_cast<float>(random() % 100) / 100;
    detection.class_id = i % 80;
    detections.items.push_back(detection);
  }
  return detections;
}

// Labels are new in every picture when `fresh`: the worst case for the kept masks.
void draw(benchmark::State& state, Size size, int count, bool fresh) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size.width) *
                                   static_cast<std::size_t>(size.height) * 3);
  Annotator annotator(std::vector<std::string>(80, "a class"));
  Detections detections = scattered(count, size);
  std::uint32_t track = 0;
  for (auto _ : state) {
    if (fresh) {
      for (Detection& detection : detections.items) detection.track_id = TrackId{track++ % 100000};
    }
    annotator.draw({pixels.data(), size, size.width * 3, PixelFormat::kRgb8}, size, detections);
  }
}
BENCHMARK_CAPTURE(draw, 1080p_20_known, Size{1920, 1080}, 20, false)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(draw, 1080p_20_fresh, Size{1920, 1080}, 20, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(draw, 1080p_300_fresh, Size{1920, 1080}, 300, true)
    ->Unit(benchmark::kMillisecond);

void jpeg(benchmark::State& state) {
  const Size size = {1920, 1080};
  std::vector<std::uint8_t> pixels(std::size_t{1920} * 1080 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::uint8_t>((i / 3 % 1920) / 8 + i % 7);
  }
  PictureEncoder encoder;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        encoder.jpeg({pixels.data(), size, size.width * 3, PixelFormat::kRgb8}, 90));
  }
}
BENCHMARK(jpeg)->Unit(benchmark::kMillisecond);

void json_line(benchmark::State& state) {
  Outcome outcome;
  outcome.source = "photos/0001.jpg";
  outcome.size = {640, 480};
  outcome.detections = scattered(static_cast<int>(state.range(0)), outcome.size);
  auto sink = create_jsonl_sink({"/dev/null", std::vector<std::string>(80, "a class")});
  for (auto _ : state) (void)(*sink)->write(outcome);
}
BENCHMARK(json_line)->Arg(5)->Arg(300)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace shoal
