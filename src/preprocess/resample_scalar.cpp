// The specification of the resampling kernels, for any machine.
#include "preprocess/resample.h"

namespace shoal::internal {
namespace {

struct ScalarTap {
  std::int32_t byte_offset;  // of the left pixel
  std::int16_t weight;
  std::int16_t step;  // bytes to the right pixel: 3, or 0 where there is none
};

std::size_t table_bytes(int out_width) {
  return static_cast<std::size_t>(out_width) * sizeof(ScalarTap);
}

void build_table(std::byte* table, const RowGeometry& geometry) {
  auto* taps = reinterpret_cast<ScalarTap*>(table);
  for (int x = 0; x < geometry.out_width; ++x) {
    const Tap tap = clamped_tap_at(x, geometry.out_width, geometry.in_width);
    taps[x] = {.byte_offset = tap.index * kChannels,
               .weight = tap.weight,
               .step = static_cast<std::int16_t>(tap.weight == 0 ? 0 : kChannels)};
  }
}

void resample_row(std::int16_t* out, const std::uint8_t* row, const RowGeometry& geometry,
                  const std::byte* table) {
  const auto* taps = reinterpret_cast<const ScalarTap*>(table);
  for (int x = 0; x < geometry.out_width; ++x) {
    const std::uint8_t* left = row + taps[x].byte_offset;
    for (int channel = 0; channel < kChannels; ++channel) {
      const std::uint8_t* source = left + source_byte(0, channel, geometry.swap_channels);
      const int sum =
          source[0] * (kWeightOne - taps[x].weight) + source[taps[x].step] * taps[x].weight;
      *out++ = static_cast<std::int16_t>(sum >> 4);
    }
  }
}

void blend_rows(std::uint8_t* out, const std::int16_t* upper, const std::int16_t* lower,
                std::int16_t weight, int count) {
  for (int i = 0; i < count; ++i) {
    const int sum = (upper[i] * (kWeightOne - weight) >> 16) + (lower[i] * weight >> 16);
    out[i] = static_cast<std::uint8_t>((sum + 2) >> 2);
  }
}

}  // namespace

const ResampleKernel& scalar_resample_kernel() {
  static constexpr ResampleKernel kKernel{table_bytes, build_table, resample_row, blend_rows};
  return kKernel;
}

}  // namespace shoal::internal
