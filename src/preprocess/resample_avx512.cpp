// The resampling kernels in AVX-512 with VBMI. A block is up to 32 output elements whose sources
// lie within 128 bytes: two loads, one two-register byte permutation, and the (near, far) pairs
// are there. Strong reductions have fewer elements a block.
#include "preprocess/resample.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>

#define SHOAL_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))

namespace shoal::internal {
namespace {

constexpr int kSpan = 128;      // source bytes of a block
constexpr int kElements = 32;   // output elements of a full block

struct alignas(64) Block {
  std::array<std::uint8_t, 2 * kElements> permutation;  // (near, far) pairs
  std::array<std::int16_t, kElements> factor;
  std::int32_t byte_offset;  // of the span in the row
  std::int32_t first;        // output element; what is behind the block's last is garbage until
                             // the next block overwrites it
};

struct Table {
  std::int32_t block_count;
};

// The blocks start one cache line into the table.
constexpr std::size_t kHeaderBytes = 64;
Block* blocks_of(std::byte* table) { return reinterpret_cast<Block*>(table + kHeaderBytes); }
const Block* blocks_of(const std::byte* table) {
  return reinterpret_cast<const Block*>(table + kHeaderBytes);
}

std::size_t table_bytes(int out_width) {
  // A pixel's six source bytes always fit a span, so no block has less than a whole pixel.
  return kHeaderBytes + static_cast<std::size_t>(out_width) * sizeof(Block);
}

void build_table(std::byte* table, const RowGeometry& geometry) {
  const int row_bytes = geometry.in_width * kChannels;
  int block_count = 0;
  for (int x = 0; x < geometry.out_width;) {
    Block block{};
    block.first = x * kChannels;
    block.byte_offset =
        std::clamp(clamped_tap_at(x, geometry.out_width, geometry.in_width).index * kChannels, 0,
                   std::max(0, row_bytes - kSpan));
    // The last pixel may be cut off by the block's end: the next block starts with it again.
    int pixels = 0;
    for (int element = 0; element < kElements && x + pixels < geometry.out_width; ++pixels) {
      const Tap tap = clamped_tap_at(x + pixels, geometry.out_width, geometry.in_width);
      const NearTap near = near_tap(tap);
      if ((tap.index + 2) * kChannels - block.byte_offset > kSpan &&
          (tap.weight != 0 || (tap.index + 1) * kChannels - block.byte_offset > kSpan)) {
        break;
      }
      if (element + kChannels > kElements) break;
      for (int channel = 0; channel < kChannels; ++channel, ++element) {
        const int left = source_byte(tap.index, channel, geometry.swap_channels) -
                         block.byte_offset;
        const auto e = static_cast<std::size_t>(element);
        block.permutation[2 * e] =
            static_cast<std::uint8_t>(left + near.near_step * kChannels);
        block.permutation[2 * e + 1] =
            static_cast<std::uint8_t>(left + near.far_step * kChannels);
        block.factor[e] = near.factor;
      }
    }
    blocks_of(table)[block_count++] = block;
    x += pixels;
  }
  reinterpret_cast<Table*>(table)->block_count = block_count;
}

SHOAL_AVX512 void resample_row(std::int16_t* out, const std::uint8_t* row,
                               const RowGeometry& geometry, const std::byte* table) {
  alignas(64) std::array<std::uint8_t, kSpan> padded;
  if (geometry.in_width * kChannels < kSpan) {  // shorter than one span
    padded.fill(0);
    std::memcpy(padded.data(), row, static_cast<std::size_t>(geometry.in_width * kChannels));
    row = padded.data();
  }
  const __m512i take_near = _mm512_set1_epi16(0x0080);                        // -128 near
  const __m512i take_difference = _mm512_set1_epi16(static_cast<short>(0xC040));  // 64 (near - far)
  const Block* block = blocks_of(table);
  const Block* const end = block + reinterpret_cast<const Table*>(table)->block_count;
  for (; block != end; ++block) {
    const std::uint8_t* source = row + block->byte_offset;
    const __m512i pairs = _mm512_permutex2var_epi8(
        _mm512_loadu_si512(source), _mm512_load_si512(block->permutation.data()),
        _mm512_loadu_si512(source + 64));
    const __m512i difference = _mm512_maddubs_epi16(pairs, take_difference);
    const __m512i value = _mm512_sub_epi16(
        _mm512_mulhi_epi16(_mm512_add_epi16(difference, difference),
                           _mm512_load_si512(block->factor.data())),
        _mm512_maddubs_epi16(pairs, take_near));
    _mm512_storeu_si512(out + block->first, value);
  }
}

SHOAL_AVX512 void blend_rows(std::uint8_t* out, const std::int16_t* upper,
                             const std::int16_t* lower, std::int16_t weight, int count) {
  constexpr int kStep = 32;
  const __m512i lower_weight = _mm512_set1_epi16(weight);
  const __m512i upper_weight = _mm512_sub_epi16(_mm512_set1_epi16(kWeightOne), lower_weight);
  const __m512i two = _mm512_set1_epi16(2);
  for (int i = 0; i < count; i += kStep) {
    const __m512i u = _mm512_loadu_si512(upper + i);
    const __m512i l = _mm512_loadu_si512(lower + i);
    const __m512i sum =
        _mm512_add_epi16(_mm512_mulhi_epi16(u, upper_weight), _mm512_mulhi_epi16(l, lower_weight));
    // The zero-masked form: g++ 12 warns of an uninitialised value inside the plain one.
    const __m256i packed = _mm512_maskz_cvtepi16_epi8(
        0xFFFFFFFFU, _mm512_srli_epi16(_mm512_add_epi16(sum, two), 2));
    if (count - i >= kStep) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), packed);
    } else {
      const auto tail = static_cast<__mmask32>((1U << (count - i)) - 1U);
      _mm256_mask_storeu_epi8(out + i, tail, packed);
    }
  }
}

}  // namespace

const ResampleKernel& avx512_resample_kernel() {
  static constexpr ResampleKernel kKernel{table_bytes, build_table, resample_row, blend_rows};
  return kKernel;
}

}  // namespace shoal::internal

#else

const shoal::internal::ResampleKernel& shoal::internal::avx512_resample_kernel() {
  return scalar_resample_kernel();
}

#endif
