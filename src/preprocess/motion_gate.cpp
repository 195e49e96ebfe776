// The grey grid and its comparison.
#include "preprocess/motion_gate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>

namespace shoal {
namespace {

constexpr int kColumns = 96;
constexpr int kSampleRows = 2;  // of a cell
constexpr int kSampleColumns = 4;
constexpr int kSamples = kSampleRows * kSampleColumns;

// The middle of part `part` of `parts` of the range from `begin` to `end`.
int middle(int begin, int end, int part, int parts) {
  return begin + (2 * part + 1) * (end - begin) / (2 * parts);
}

int border(int index, int count, int length) {
  return static_cast<int>(static_cast<std::int64_t>(index) * length / count);
}

}  // namespace

bool MotionGate::passes(const ImageView& picture, TimePoint now) {
  if (picture.data == nullptr || picture.size.width <= 0 || picture.size.height <= 0) {
    changed_ = 1;
    return true;  // nothing to compare: whoever comes next says what is wrong with it
  }
  if (picture.size != size_) lay_out(picture.size);
  fill_cells(picture);
  changed_ = reference_.empty() ? 1.0 : share_changed();
  const bool due = now - passed_ >= options_.refresh;
  if (!reference_.empty() && !due && changed_ < options_.threshold) return false;
  reference_ = cells_;
  passed_ = now;
  return true;
}

void MotionGate::lay_out(Size size) {
  size_ = size;
  columns_ = std::min(kColumns, size.width);
  const double rows = static_cast<double>(size.height) * columns_ / size.width;
  rows_ = std::clamp(static_cast<int>(std::lround(rows)), 1, size.height);
  cells_.resize(static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_));
  sums_.resize(static_cast<std::size_t>(columns_));
  column_offsets_.clear();
  for (int column = 0; column < columns_; ++column) {
    const int begin = border(column, columns_, size.width);
    const int end = border(column + 1, columns_, size.width);
    for (int i = 0; i < kSampleColumns; ++i) {
      column_offsets_.push_back(3 * middle(begin, end, i, kSampleColumns));
    }
  }
  reference_.clear();
  reference_.reserve(cells_.size());
}

// Grey is (first + 2 * green + last) / 4, the same for RGB and BGR.
void MotionGate::fill_cells(const ImageView& picture) {
  std::uint8_t* cell = cells_.data();
  for (int row = 0; row < rows_; ++row) {
    std::fill(sums_.begin(), sums_.end(), std::uint16_t{0});
    const int begin = border(row, rows_, size_.height);
    const int end = border(row + 1, rows_, size_.height);
    for (int i = 0; i < kSampleRows; ++i) {
      const std::uint8_t* line =
          picture.data + middle(begin, end, i, kSampleRows) * picture.pitch_bytes;
      const std::int32_t* offset = column_offsets_.data();
      for (std::uint16_t& sum : sums_) {
        unsigned grey = 0;
        for (int j = 0; j < kSampleColumns; ++j) {
          const std::uint8_t* pixel = line + *offset++;
          grey += pixel[0] + 2U * pixel[1] + pixel[2];
        }
        sum = static_cast<std::uint16_t>(sum + grey);  // at most 8 * 1020
      }
    }
    for (const std::uint16_t sum : sums_) {
      *cell++ = static_cast<std::uint8_t>((sum + 2 * kSamples) / (4 * kSamples));
    }
  }
}

double MotionGate::share_changed() {
  levels_.fill(0);
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    ++levels_[static_cast<std::size_t>(255 + cells_[i] - reference_[i])];
  }
  const auto half = static_cast<std::int64_t>(cells_.size() / 2);
  std::int64_t below = 0;
  int median = 0;
  while (below + levels_[static_cast<std::size_t>(median)] <= half) {
    below += levels_[static_cast<std::size_t>(median++)];
  }
  std::int64_t changed = 0;
  for (int level = 0; level < static_cast<int>(levels_.size()); ++level) {
    if (std::abs(level - median) >= options_.cell_levels) {
      changed += levels_[static_cast<std::size_t>(level)];
    }
  }
  return static_cast<double>(changed) / static_cast<double>(cells_.size());
}

}  // namespace shoal
