// The arithmetic of the letterbox: bilinear taps in fixed point, and one kernel per instruction
// set. All kernels compute the same integers; the scalar one is the specification.
//
//   along x   v = 64 a + mulhrs(64 (b - a), w)              s16, 1/64 level, one row [3 * width]
//   along y   p = (u + mulhrs(l - u, w) + 32) >> 6          u8
//   mulhrs(d, w) = (d * w + 2^14) >> 15                     as the instruction of that name
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/instruction_set.h"

namespace shoal::internal {

constexpr int kChannels = 3;
constexpr int kLevelScale = 64;      // row values are levels times this
constexpr int kRowSlack = 64;        // elements behind a row that kernels may overwrite
constexpr int kWeightOne = 1 << 15;  // weights are in 1/32768

// One output's place between two neighbours: in[index] + weight * (in[index + 1] - in[index]).
struct Tap {
  int index = 0;
  std::int16_t weight = 0;  // 0: in[index + 1] may not exist
};

// Output `out` of `out_count` samples, over `in_count` inputs, with centres at half-integers and
// clamped edges. REQUIRES: 0 <= out < out_count, in_count >= 1.
[[nodiscard]] inline Tap tap_at(int out, int out_count, int in_count) {
  const double scale = static_cast<double>(in_count) / out_count;
  const double position = std::clamp((out + 0.5) * scale - 0.5, 0.0, in_count - 1.0);
  Tap tap{.index = static_cast<int>(position)};
  const long weight = std::lround((position - tap.index) * kWeightOne);
  tap.weight = static_cast<std::int16_t>(std::min<long>(weight, kWeightOne - 1));
  if (tap.index == in_count - 1) tap.weight = 0;
  return tap;
}

// What a kernel's table along x is made from.
struct RowGeometry {
  int in_width = 0;   // pixels
  int out_width = 0;  // pixels
  bool swap_channels = false;
};

// `table` is 64-byte aligned memory of table_bytes(out_width) that build_table() has filled.
struct ResampleKernel {
  std::size_t (*table_bytes)(int out_width);
  void (*build_table)(std::byte* table, const RowGeometry& geometry);
  // out [3 * out_width + kRowSlack], row [3 * in_width], of which no byte more is read.
  void (*resample_row)(std::int16_t* out, const std::uint8_t* row, const RowGeometry& geometry,
                       const std::byte* table);
  // out [count]; upper, lower [count + kRowSlack].
  void (*blend_rows)(std::uint8_t* out, const std::int16_t* upper, const std::int16_t* lower,
                     std::int16_t weight, int count);
};

[[nodiscard]] const ResampleKernel& scalar_resample_kernel();
[[nodiscard]] const ResampleKernel& avx2_resample_kernel();
[[nodiscard]] const ResampleKernel& avx512_resample_kernel();

[[nodiscard]] inline const ResampleKernel& resample_kernel(InstructionSet set) {
  switch (set) {
    case InstructionSet::kScalar: break;
    case InstructionSet::kAvx2: return avx2_resample_kernel();
    case InstructionSet::kAvx512: return avx512_resample_kernel();
  }
  return scalar_resample_kernel();
}

// Byte offset of channel `channel` of the output in the source pixel `index`.
[[nodiscard]] inline int source_byte(int index, int channel, bool swap_channels) {
  return index * kChannels + (swap_channels ? kChannels - 1 - channel : channel);
}

}  // namespace shoal::internal
