// The postprocessing kernels in AVX2, eight lanes. No fused multiply-add: it would round
// differently from the specification.
#include "postprocess/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define SHOAL_AVX2 __attribute__((target("avx2")))

namespace shoal::internal {
namespace {

constexpr std::size_t kLanes = 8;

SHOAL_AVX2 void raise_to_row(float* maxima, const float* row, std::size_t count) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    // max_ps gives the second operand where one is NaN.
    _mm256_storeu_ps(maxima + i,
                     _mm256_max_ps(_mm256_loadu_ps(row + i), _mm256_loadu_ps(maxima + i)));
  }
  for (; i < count; ++i) maxima[i] = row[i] > maxima[i] ? row[i] : maxima[i];
}

SHOAL_AVX2 std::size_t collect_above(std::uint32_t* indices, const float* values,
                                     std::size_t count, float factor, float threshold) {
  const __m256 factors = _mm256_set1_ps(factor);
  const __m256 thresholds = _mm256_set1_ps(threshold);
  std::size_t found = 0;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const __m256 above = _mm256_cmp_ps(_mm256_mul_ps(_mm256_loadu_ps(values + i), factors),
                                       thresholds, _CMP_GT_OQ);
    for (auto mask = static_cast<unsigned>(_mm256_movemask_ps(above)); mask != 0;
         mask &= mask - 1) {
      indices[found++] = static_cast<std::uint32_t>(i) +
                         static_cast<std::uint32_t>(__builtin_ctz(mask));
    }
  }
  for (; i < count; ++i) {
    if (values[i] * factor > threshold) indices[found++] = static_cast<std::uint32_t>(i);
  }
  return found;
}

SHOAL_AVX2 bool overlaps_any(const KeptBlock& block, const RankedBox& box, float iou) {
  const __m256 zero = _mm256_setzero_ps();
  const __m256 x1 = _mm256_set1_ps(box.x1);
  const __m256 y1 = _mm256_set1_ps(box.y1);
  const __m256 x2 = _mm256_set1_ps(box.x2);
  const __m256 y2 = _mm256_set1_ps(box.y2);
  for (std::size_t lane = 0; lane < 16; lane += kLanes) {
    const __m256 width = _mm256_max_ps(
        zero, _mm256_sub_ps(_mm256_min_ps(x2, _mm256_load_ps(block.x2 + lane)),
                            _mm256_max_ps(x1, _mm256_load_ps(block.x1 + lane))));
    const __m256 height = _mm256_max_ps(
        zero, _mm256_sub_ps(_mm256_min_ps(y2, _mm256_load_ps(block.y2 + lane)),
                            _mm256_max_ps(y1, _mm256_load_ps(block.y1 + lane))));
    const __m256 intersection = _mm256_mul_ps(width, height);
    const __m256 both =
        _mm256_add_ps(_mm256_set1_ps(box.area), _mm256_load_ps(block.area + lane));
    const __m256 limit =
        _mm256_mul_ps(_mm256_set1_ps(iou), _mm256_sub_ps(both, intersection));
    if (_mm256_movemask_ps(_mm256_cmp_ps(intersection, limit, _CMP_GT_OQ)) != 0) return true;
  }
  return false;
}

}  // namespace

const PostprocessKernels& avx2_postprocess_kernels() {
  static constexpr PostprocessKernels kKernels{raise_to_row, collect_above, overlaps_any};
  return kKernels;
}

}  // namespace shoal::internal

#else

const shoal::internal::PostprocessKernels& shoal::internal::avx2_postprocess_kernels() {
  return scalar_postprocess_kernels();
}

#endif
