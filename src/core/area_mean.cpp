#include "core/area_mean.h"

#include <algorithm>
#include <cstddef>

namespace shoal {
namespace {

constexpr std::uint32_t kWhole = 256;  // weight of a pixel that is covered whole, per axis

CoveredSpan span_of(int index, int from, int to) {
  const std::int64_t begin = std::int64_t{index} * from * kWhole / to;
  const std::int64_t end = (std::int64_t{index} + 1) * from * kWhole / to;
  CoveredSpan span;
  span.first = static_cast<int>(begin / kWhole);
  span.last = static_cast<int>((end - 1) / kWhole);
  span.sum = static_cast<std::uint32_t>(end - begin);
  if (span.first == span.last) {
    span.first_weight = span.sum;
    return span;
  }
  span.first_weight = kWhole - static_cast<std::uint32_t>(begin % kWhole);
  span.last_weight = static_cast<std::uint32_t>(end - std::int64_t{span.last} * kWhole);
  return span;
}

// sums += row * weight, per byte. A product fits 16 bits, as 255 * 256 does: twice as many at once.
void add_row(const std::uint8_t* __restrict row, std::uint32_t weight,
             std::uint32_t* __restrict sums, std::size_t count) {
  const auto narrow = static_cast<std::uint16_t>(weight);
  for (std::size_t i = 0; i < count; ++i) sums[i] += static_cast<std::uint16_t>(row[i] * narrow);
}

// One row of the target from the sums of the rows that it covers.
void reduce_row(const std::uint32_t* sums, const std::vector<CoveredSpan>& columns,
                std::uint32_t rows_sum, std::uint8_t* to) {
  for (const CoveredSpan& span : columns) {
    const std::uint32_t* first = sums + std::size_t{3} * static_cast<std::size_t>(span.first);
    const std::uint32_t* last = sums + std::size_t{3} * static_cast<std::size_t>(span.last);
    std::uint64_t total[3];
    for (int c = 0; c < 3; ++c) total[c] = std::uint64_t{first[c]} * span.first_weight;
    if (first != last) {
      std::uint64_t between[3] = {};
      for (const std::uint32_t* at = first + 3; at != last; at += 3) {
        for (int c = 0; c < 3; ++c) between[c] += at[c];
      }
      for (int c = 0; c < 3; ++c) {
        total[c] += between[c] * kWhole + std::uint64_t{last[c]} * span.last_weight;
      }
    }
    const double share = 1.0 / (static_cast<double>(rows_sum) * span.sum);
    for (int c = 0; c < 3; ++c) {
      // Exact: below 2^53.
      *to++ = static_cast<std::uint8_t>(
          static_cast<double>(static_cast<std::int64_t>(total[c])) * share + 0.5);
    }
  }
}

}  // namespace

Size reduced_size(Size size, int width) {
  if (size.width <= width) return size;
  const std::int64_t scaled =
      (std::int64_t{size.height} * width + size.width / 2) / std::max(1, size.width);
  return {width, static_cast<int>(std::max<std::int64_t>(1, scaled))};
}

void reduce_area(const ImageView& view, Size to_size, std::uint8_t* to, ReduceRoom& room) {
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(view.size.width);
  room.columns.clear();
  for (int x = 0; x < to_size.width; ++x) {
    room.columns.push_back(span_of(x, view.size.width, to_size.width));
  }
  for (int y = 0; y < to_size.height; ++y) {
    const CoveredSpan rows = span_of(y, view.size.height, to_size.height);
    room.sums.assign(row_bytes, 0);
    for (int row = rows.first; row <= rows.last; ++row) {
      std::uint32_t weight = kWhole;
      if (row == rows.last) weight = rows.last_weight;
      if (row == rows.first) weight = rows.first_weight;
      add_row(view.data + row * view.pitch_bytes, weight, room.sums.data(), row_bytes);
    }
    reduce_row(room.sums.data(), room.columns, rows.sum, to);
    to += std::size_t{3} * static_cast<std::size_t>(to_size.width);
  }
}

}  // namespace shoal
