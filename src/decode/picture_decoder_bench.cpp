// Milliseconds a picture on one thread: JPEG at full size and scaled, and turning.
#include <benchmark/benchmark.h>
#include <turbojpeg.h>

#include <array>
#include <cstdint>
#include <vector>

#include "decode/orientation.h"
#include "decode/picture_decoder.h"

namespace shoal {
namespace {

// Smooth shapes with some texture: compresses about as photographs do.
std::vector<std::uint8_t> photo_like_jpeg(Size size) {
  std::vector<std::uint8_t> rgb;
  std::uint32_t state = 1;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      state = state * 1664525U + 1013904223U;
      const int grain = static_cast<int>(state >> 28);
      const int shape = ((x / 37 + y / 23) % 5) * 25;
      rgb.push_back(static_cast<std::uint8_t>(shape + x % 64 + grain));
      rgb.push_back(static_cast<std::uint8_t>(shape + y % 64 + grain));
      rgb.push_back(static_cast<std::uint8_t>(shape + (x + y) % 64 + grain));
    }
  }
  const tjhandle encoder = tjInitCompress();
  unsigned char* data = nullptr;
  unsigned long bytes = 0;
  tjCompress2(encoder, rgb.data(), size.width, 0, size.height, TJPF_RGB, &data, &bytes, TJSAMP_420,
              90, 0);
  std::vector<std::uint8_t> jpeg(data, data + bytes);
  tjFree(data);
  tjDestroy(encoder);
  return jpeg;
}

void decode_jpeg(benchmark::State& state) {
  const Size size{static_cast<int>(state.range(0)), static_cast<int>(state.range(1))};
  const auto jpeg = photo_like_jpeg(size);
  const std::array buckets{Size{640, 640}};
  DecodeOptions options;
  if (state.range(2) != 0) options.buckets = buckets;
  PictureDecoder decoder;
  Frame frame;
  for (auto _ : state) {
    const auto report = decoder.decode(frame, jpeg, "bench", options);
    if (!report) state.SkipWithError(report.error().message.c_str());
  }
  state.counters["jpeg_bytes"] = static_cast<double>(jpeg.size());
}
BENCHMARK(decode_jpeg)
    ->ArgNames({"width", "height", "scaled"})
    ->Args({640, 480, 0})
    ->Args({1920, 1080, 0})
    ->Args({1920, 1080, 1})
    ->Args({4000, 3000, 0})
    ->Args({4000, 3000, 1})
    ->Unit(benchmark::kMillisecond);

void turn(benchmark::State& state) {
  Frame frame;
  PixelBuffer scratch;
  if (!prepare_frame(frame, {1920, 1080})) state.SkipWithError("no memory");
  for (auto _ : state) {
    if (!turn_upright(frame, scratch, static_cast<int>(state.range(0)))) break;
  }
}
BENCHMARK(turn)->Arg(3)->Arg(6)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shoal
