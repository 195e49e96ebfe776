// The resampling kernels in AVX2. Two output pixels fill a 128-bit half: 8 bytes are loaded round
// each one's neighbours and a byte shuffle makes (near, far) pairs of them.
#include "preprocess/resample.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>

#define SHOAL_AVX2 __attribute__((target("avx2")))

namespace shoal::internal {
namespace {

constexpr int kLoadBytes = 8;
constexpr int kPixelsPerHalf = 2;
constexpr int kElementsPerHalf = kPixelsPerHalf * kChannels;

struct Half {
  std::array<std::uint8_t, 16> shuffle;  // 6 (near, far) pairs, then zeros
  std::array<std::int16_t, 8> factor;
  std::array<std::int32_t, kPixelsPerHalf> byte_offset;
};

// Halves come in twos, one 256-bit register; a filler repeats the last pixel.
int half_count(int out_width) { return (out_width + 3) / 4 * 2; }

std::size_t table_bytes(int out_width) {
  return static_cast<std::size_t>(half_count(out_width)) * sizeof(Half);
}

void build_table(std::byte* table, const RowGeometry& geometry) {
  auto* halves = reinterpret_cast<Half*>(table);
  const int load_offset_max = std::max(0, geometry.in_width * kChannels - kLoadBytes);
  for (int i = 0; i < half_count(geometry.out_width); ++i) {
    Half half{};
    half.shuffle.fill(0x80);
    for (int pixel = 0; pixel < kPixelsPerHalf; ++pixel) {
      const int x = std::min(i * kPixelsPerHalf + pixel, geometry.out_width - 1);
      const Tap tap = clamped_tap_at(x, geometry.out_width, geometry.in_width);
      const NearTap near = near_tap(tap);
      // Near the row's end the load starts earlier, so that it ends with the row.
      const int offset = std::min(tap.index * kChannels, load_offset_max);
      half.byte_offset[static_cast<std::size_t>(pixel)] = offset;
      for (int channel = 0; channel < kChannels; ++channel) {
        const auto element = static_cast<std::size_t>(pixel * kChannels + channel);
        const int left = pixel * kLoadBytes - offset +
                         source_byte(tap.index, channel, geometry.swap_channels);
        half.shuffle[2 * element] =
            static_cast<std::uint8_t>(left + near.near_step * kChannels);
        half.shuffle[2 * element + 1] =
            static_cast<std::uint8_t>(left + near.far_step * kChannels);
        half.factor[element] = near.factor;
      }
    }
    halves[i] = half;
  }
}

SHOAL_AVX2 __m128i load_two(const std::uint8_t* row, const Half& half) {
  const __m128i low =
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + half.byte_offset[0]));
  const __m128i high =
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + half.byte_offset[1]));
  return _mm_unpacklo_epi64(low, high);
}

SHOAL_AVX2 __m256i load_both(const void* low, const void* high) {
  return _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(low))),
      _mm_loadu_si128(static_cast<const __m128i*>(high)), 1);
}

SHOAL_AVX2 void resample_row(std::int16_t* out, const std::uint8_t* row,
                             const RowGeometry& geometry, const std::byte* table) {
  std::array<std::uint8_t, 2 * kLoadBytes> padded{};
  if (geometry.in_width * kChannels < kLoadBytes) {  // shorter than one load
    std::memcpy(padded.data(), row, static_cast<std::size_t>(geometry.in_width * kChannels));
    row = padded.data();
  }
  const auto* halves = reinterpret_cast<const Half*>(table);
  const __m256i take_near = _mm256_set1_epi16(0x0080);                        // -128 near
  const __m256i take_difference = _mm256_set1_epi16(static_cast<short>(0xC040));  // 64 (near - far)
  for (int i = 0; i < half_count(geometry.out_width); i += 2) {
    const Half& low = halves[i];
    const Half& high = halves[i + 1];
    const __m256i bytes = _mm256_inserti128_si256(
        _mm256_castsi128_si256(load_two(row, low)), load_two(row, high), 1);
    const __m256i pairs =
        _mm256_shuffle_epi8(bytes, load_both(low.shuffle.data(), high.shuffle.data()));
    const __m256i factors = load_both(low.factor.data(), high.factor.data());
    const __m256i difference = _mm256_maddubs_epi16(pairs, take_difference);
    const __m256i value = _mm256_sub_epi16(
        _mm256_mulhi_epi16(_mm256_add_epi16(difference, difference), factors),
        _mm256_maddubs_epi16(pairs, take_near));
    // Each store's last two elements are overwritten by the next one.
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(value));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + kElementsPerHalf),
                     _mm256_extracti128_si256(value, 1));
    out += 2 * kElementsPerHalf;
  }
}

SHOAL_AVX2 __m256i blend_sixteen(const std::int16_t* upper, const std::int16_t* lower,
                                 __m256i upper_weight, __m256i lower_weight) {
  const __m256i u = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(upper));
  const __m256i l = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower));
  const __m256i sum =
      _mm256_add_epi16(_mm256_mulhi_epi16(u, upper_weight), _mm256_mulhi_epi16(l, lower_weight));
  return _mm256_srli_epi16(_mm256_add_epi16(sum, _mm256_set1_epi16(2)), 2);
}

SHOAL_AVX2 void blend_rows(std::uint8_t* out, const std::int16_t* upper,
                           const std::int16_t* lower, std::int16_t weight, int count) {
  constexpr int kStep = 32;
  const __m256i lower_weight = _mm256_set1_epi16(weight);
  const __m256i upper_weight = _mm256_sub_epi16(_mm256_set1_epi16(kWeightOne), lower_weight);
  for (int i = 0; i < count; i += kStep) {
    const __m256i packed = _mm256_permute4x64_epi64(
        _mm256_packus_epi16(
            blend_sixteen(upper + i, lower + i, upper_weight, lower_weight),
            blend_sixteen(upper + i + 16, lower + i + 16, upper_weight, lower_weight)),
        0xD8);
    if (count - i >= kStep) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), packed);
    } else {
      alignas(32) std::array<std::uint8_t, kStep> tail;
      _mm256_store_si256(reinterpret_cast<__m256i*>(tail.data()), packed);
      std::memcpy(out + i, tail.data(), static_cast<std::size_t>(count - i));
    }
  }
}

}  // namespace

const ResampleKernel& avx2_resample_kernel() {
  static constexpr ResampleKernel kKernel{table_bytes, build_table, resample_row, blend_rows};
  return kKernel;
}

}  // namespace shoal::internal

#else

const shoal::internal::ResampleKernel& shoal::internal::avx2_resample_kernel() {
  return scalar_resample_kernel();
}

#endif
