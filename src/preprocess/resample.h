// The arithmetic of the letterbox: bilinear taps in fixed point, and one kernel per instruction
// set. All kernels compute the same integers; the scalar one is the specification.
//
//   along x   v = (a (2048 - w) + b w) >> 4                             s16, 1/128 level
//   along y   p = ((u (2048 - w) >> 16) + (l w >> 16) + 2) >> 2         u8
//
// These are the integers of OpenCV 4's INTER_LINEAR for u8, its truncations included, so x comes
// before y. Halving both sides needs no case of its own: it gives (a + b + c + d + 2) >> 2, which
// is what OpenCV's INTER_AREA, chosen there, gives too.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/instruction_set.h"

namespace shoal::internal {

constexpr int kChannels = 3;
constexpr int kRowSlack = 64;      // elements behind a row that kernels may overwrite
constexpr int kWeightOne = 2048;   // weights are in 1/2048

// One output's place between two neighbours:
// in[index] * (kWeightOne - weight) + in[index + 1] * weight.
struct Tap {
  int index = 0;            // -1 and in_count - 1 have one neighbour only
  std::int16_t weight = 0;  // 0 to kWeightOne
};

// Output `out` of `out_count` samples, over `in_count` inputs, with centres at half-integers.
// REQUIRES: 0 <= out < out_count, in_count >= 1.
//
// The reciprocal of a quotient and the rounding to float are OpenCV's. It rounds both weights on
// their own, and yet they sum to 2048: a tie sends one up and the other down, and only a fraction
// within 2^-13 / 2048 of a tie could lose that to the rounding of 1 - fraction. Fractions that are
// no ties keep 1 / (2 out_count) / 2048 away from them, so out_count <= 4096 is safe.
[[nodiscard]] inline Tap tap_at(int out, int out_count, int in_count) {
  const double scale = 1.0 / (static_cast<double>(out_count) / in_count);
  const auto position = static_cast<float>((out + 0.5) * scale - 0.5);
  const float left = std::floor(position);
  return {.index = static_cast<int>(left),
          .weight = static_cast<std::int16_t>(std::lrint((position - left) * kWeightOne))};
}

// The same with edges clamped, as OpenCV does along x: weight 0 where in[index] or in[index + 1]
// does not exist. Along y it keeps the weights and repeats the edge's row, whose truncated halves
// may sum to one less.
[[nodiscard]] inline Tap clamped_tap_at(int out, int out_count, int in_count) {
  const Tap tap = tap_at(out, out_count, in_count);
  if (tap.index < 0) return {};
  if (tap.index >= in_count - 1) return {.index = in_count - 1, .weight = 0};
  return tap;
}

// A clamped tap as the vector kernels take it: from its nearer neighbour on, so that the weight
// fits the 16 bits of a multiplication.
//   v = 128 near + (128 (near - far) * factor >> 16)      factor = -32 w, w <= 1024
// It is the specification's v, because 16 divides the 2048 that multiply `near`.
struct NearTap {
  int near_step = 0;  // pixels from the tap's index
  int far_step = 0;
  std::int16_t factor = 0;
};

[[nodiscard]] inline NearTap near_tap(const Tap& tap) {
  if (tap.weight == 0) return {};
  if (tap.weight <= kWeightOne / 2) {
    return {.near_step = 0, .far_step = 1, .factor = static_cast<std::int16_t>(-32 * tap.weight)};
  }
  return {.near_step = 1,
          .far_step = 0,
          .factor = static_cast<std::int16_t>(-32 * (kWeightOne - tap.weight))};
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
