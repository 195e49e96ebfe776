// The postprocessing kernels in AVX-512, sixteen lanes. Built without contraction to fused
// multiply-adds (see CMakeLists.txt): they would round differently from the specification.
#include "postprocess/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define SHOAL_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))

namespace shoal::internal {
namespace {

constexpr std::size_t kLanes = 16;

SHOAL_AVX512 __mmask16 lanes_left(std::size_t count) {
  return static_cast<__mmask16>((1U << count) - 1U);
}

SHOAL_AVX512 void raise_to_row(float* maxima, const float* row, std::size_t count) {
  const __m512 nothing = _mm512_setzero_ps();
  for (std::size_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = count - i >= kLanes ? static_cast<__mmask16>(0xFFFF)
                                               : lanes_left(count - i);
    const __m512 old = _mm512_mask_loadu_ps(nothing, mask, maxima + i);
    // max_ps gives the second operand where one is NaN.
    _mm512_mask_storeu_ps(
        maxima + i, mask,
        _mm512_maskz_max_ps(mask, _mm512_mask_loadu_ps(nothing, mask, row + i), old));
  }
}

SHOAL_AVX512 std::size_t collect_above(std::uint32_t* indices, const float* values,
                                       std::size_t count, float factor, float threshold) {
  const __m512 factors = _mm512_set1_ps(factor);
  const __m512 thresholds = _mm512_set1_ps(threshold);
  const __m512i counting =
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  std::size_t found = 0;
  for (std::size_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = count - i >= kLanes ? static_cast<__mmask16>(0xFFFF)
                                               : lanes_left(count - i);
    const __m512 value = _mm512_maskz_loadu_ps(mask, values + i);
    const __mmask16 above = _mm512_mask_cmp_ps_mask(mask, _mm512_mul_ps(value, factors),
                                                    thresholds, _CMP_GT_OQ);
    if (above == 0) continue;
    const __m512i positions = _mm512_add_epi32(counting, _mm512_set1_epi32(static_cast<int>(i)));
    _mm512_storeu_si512(indices + found, _mm512_maskz_compress_epi32(above, positions));
    found += static_cast<std::size_t>(__builtin_popcount(above));
  }
  return found;
}

SHOAL_AVX512 bool overlaps_any(const KeptBlock& block, const RankedBox& box, float iou) {
  constexpr auto kAll = static_cast<__mmask16>(0xFFFF);
  const __m512 zero = _mm512_setzero_ps();
  // The zero-masked forms: g++ 12 warns of uninitialised values inside the plain ones.
  const __m512 right =
      _mm512_maskz_min_ps(kAll, _mm512_set1_ps(box.x2), _mm512_load_ps(block.x2));
  const __m512 left = _mm512_maskz_max_ps(kAll, _mm512_set1_ps(box.x1), _mm512_load_ps(block.x1));
  const __m512 bottom =
      _mm512_maskz_min_ps(kAll, _mm512_set1_ps(box.y2), _mm512_load_ps(block.y2));
  const __m512 top = _mm512_maskz_max_ps(kAll, _mm512_set1_ps(box.y1), _mm512_load_ps(block.y1));
  const __m512 width = _mm512_maskz_max_ps(kAll, zero, _mm512_sub_ps(right, left));
  const __m512 height = _mm512_maskz_max_ps(kAll, zero, _mm512_sub_ps(bottom, top));
  const __m512 intersection = _mm512_mul_ps(width, height);
  const __m512 both = _mm512_add_ps(_mm512_set1_ps(box.area), _mm512_load_ps(block.area));
  const __m512 limit = _mm512_mul_ps(_mm512_set1_ps(iou), _mm512_sub_ps(both, intersection));
  return _mm512_cmp_ps_mask(intersection, limit, _CMP_GT_OQ) != 0;
}

}  // namespace

const PostprocessKernels& avx512_postprocess_kernels() {
  static constexpr PostprocessKernels kKernels{raise_to_row, collect_above, overlaps_any};
  return kKernels;
}

}  // namespace shoal::internal

#else

const shoal::internal::PostprocessKernels& shoal::internal::avx512_postprocess_kernels() {
  return scalar_postprocess_kernels();
}

#endif
