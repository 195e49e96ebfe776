// The cost of looking at a picture, over several pictures so that they do not stay in the cache.
#include <benchmark/benchmark.h>

#include <chrono>
#include <vector>

#include "preprocess/motion_gate.h"

namespace shoal {
namespace {

void look(benchmark::State& state) {
  const Size size{static_cast<int>(state.range(0)), static_cast<int>(state.range(0)) * 9 / 16};
  const auto bytes = 3 * static_cast<std::size_t>(size.width * size.height);
  std::vector<std::vector<std::uint8_t>> pictures(8, std::vector<std::uint8_t>(bytes));
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    for (std::size_t j = 0; j < bytes; ++j) {
      pictures[i][j] = static_cast<std::uint8_t>(j / 7 + i);
    }
  }
  MotionGate gate(MotionGateOptions{});
  TimePoint now{};
  std::size_t next = 0;
  for (auto _ : state) {
    now += std::chrono::milliseconds(40);
    const ImageView view{pictures[next++ % pictures.size()].data(), size, 3L * size.width};
    benchmark::DoNotOptimize(gate.passes(view, now));
  }
}

BENCHMARK(look)->Name("motion_gate")->Arg(768)->Arg(1280)->Arg(1920)->Arg(3840)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace shoal
