// Milliseconds a frame on one thread: decoding alone, with conversion, with reduction, and without
// the frames that no other needs. The zoo's videos where they are, else one that is made here.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/fixtures_test.h"
#include "decode/encoded_stream_test.h"
#include "decode/stream_decoder.h"

namespace shoal {
namespace {

enum class Work : std::uint8_t { kDecode, kConvert, kReduce, kSkip };

Yuv pattern(int frame, int x, int y) {
  return {40 + (x * 3 + y * 5 + frame * 7) % 160, 100 + x % 50, 128};
}

void decode(benchmark::State& state, const std::vector<Packet>& packets, Work work) {
  StreamDecoder decoder("bench");
  decoder.skip_unreferenced(work == Work::kSkip);
  Frame frame;
  std::uint64_t sent = 0;
  for (auto _ : state) {
    for (const Packet& packet : packets) {
      if (!decoder.send(packet)) return state.SkipWithError("refused");
      ++sent;
      while (*decoder.next()) {
        if (work == Work::kDecode || work == Work::kSkip) continue;
        if (!decoder.convert(frame, work == Work::kReduce ? 1280 : 0)) {
          return state.SkipWithError("no conversion");
        }
      }
    }
    decoder.restart();
  }
  // Of what the camera sent, skipped or not.
  state.counters["a_frame"] = benchmark::Counter(
      static_cast<double>(sent), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["given"] =
      static_cast<double>(decoder.counts().frames) / static_cast<double>(sent);
}

void add(const std::string& name, const std::vector<Packet>& packets) {
  for (const auto& [work, word] : {std::pair{Work::kDecode, "decode"},
                                   std::pair{Work::kConvert, "convert"},
                                   std::pair{Work::kReduce, "side_max_1280"},
                                   std::pair{Work::kSkip, "skip_unreferenced"}}) {
    benchmark::RegisterBenchmark(
        (name + "/" + word).c_str(),
        [packets, work = work](benchmark::State& state) { decode(state, packets, work); })
        ->Unit(benchmark::kMillisecond);
  }
}

[[maybe_unused]] const bool kRegistered = [] {
  add("made_320x240", encode({.size = {320, 240}, .frames = 25, .b_frames = 2,
                              .colour = pattern}));
  for (const char* file : {"one-by-one-person-detection.mp4", "carnd_test_small1.mp4",
                           "carnd_small2_up1920x1080_h264.mp4", "mosaic9_3840x2160_h264.mp4"}) {
    const std::string path = zoo_folder() + "/video/" + file;
    if (std::filesystem::exists(path)) add(file, packets_of(path, 24));
  }
  return true;
}();

}  // namespace
}  // namespace shoal
