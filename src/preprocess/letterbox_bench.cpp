// Time of one letterbox on one thread, by picture size and instruction set.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "preprocess/letterbox.h"

namespace shoal {
namespace {

void letterbox_to_640(benchmark::State& state, Size size, LetterboxOptions options) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size.width * size.height * 3));
  std::uint32_t value = 1;
  for (auto& pixel : pixels) {
    pixel = static_cast<std::uint8_t>((value = value * 1664525U + 1013904223U) >> 24);
  }
  const ImageView view{.data = pixels.data(), .size = size, .pitch_bytes = size.width * 3};
  const Letterbox geometry = Letterbox::fit(size, {640, 640}, Placement::kCentred);
  std::vector<std::uint8_t> out(640 * 640 * 3);
  LetterboxScratch scratch;
  for (auto _ : state) {
    if (!letterbox(out, view, geometry, options, scratch)) state.SkipWithError("letterbox failed");
    benchmark::ClobberMemory();
  }
}

void register_all() {
  const Size sizes[] = {{1920, 1080}, {1280, 720}, {3840, 2160}, {810, 1080},
                        {1000, 750},  {640, 480},  {320, 240}};
  for (const auto set : {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (set > best_instruction_set()) continue;
    for (const Size size : sizes) {
      const std::string name = "letterbox/" + std::to_string(size.width) + "x" +
                               std::to_string(size.height) + "/" + std::string(to_string(set));
      for (const auto format : {PixelFormat::kRgb8, PixelFormat::kBgr8}) {
        const LetterboxOptions options{.output_format = format, .instructions = set};
        benchmark::RegisterBenchmark(
            (name + (format == PixelFormat::kBgr8 ? "/swap" : "")).c_str(),
            [size, options](benchmark::State& state) { letterbox_to_640(state, size, options); })
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

const bool registered = (register_all(), true);

}  // namespace
}  // namespace shoal
