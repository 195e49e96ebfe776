#include "scheduler/source_table.h"

#include <bit>

#include "core/check.h"

namespace shoal {

SourceTable::SourceTable(std::size_t capacity)
    : mask_(std::bit_ceil(2 * capacity) - 1), cells_(mask_ + 1, kNone), sources_(capacity) {
  free_.reserve(capacity);
  for (std::size_t i = capacity; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
}

std::size_t SourceTable::home(SourceKey source) const {
  // Neighbouring sources are likely (cameras 0, 1, 2; addresses): a multiplication spreads them.
  const std::uint64_t spread =
      (source.id + static_cast<std::uint64_t>(source.kind)) * 0x9E3779B97F4A7C15U;
  return static_cast<std::size_t>(spread ^ (spread >> 32U)) & mask_;
}

std::size_t SourceTable::cell_of(SourceKey source) const {
  std::size_t cell = home(source);
  while (cells_[cell] != kNone && sources_[cells_[cell]] != source) cell = (cell + 1) & mask_;
  return cell;
}

std::uint32_t SourceTable::find(SourceKey source) const { return cells_[cell_of(source)]; }

std::uint32_t SourceTable::find_or_add(SourceKey source) {
  const std::size_t cell = cell_of(source);
  if (cells_[cell] != kNone) return cells_[cell];
  SHOAL_CHECK(!free_.empty(), "no more sources than requests");
  const std::uint32_t number = free_.back();
  free_.pop_back();
  sources_[number] = source;
  cells_[cell] = number;
  return number;
}

void SourceTable::remove(std::uint32_t number) {
  std::size_t hole = cell_of(sources_[number]);
  SHOAL_CHECK(cells_[hole] == number, "a source that is in the table");
  free_.push_back(number);
  // Those behind the hole move up where they may, so that no search ends too early.
  for (std::size_t cell = (hole + 1) & mask_; cells_[cell] != kNone; cell = (cell + 1) & mask_) {
    const std::size_t from_home = (cell - home(sources_[cells_[cell]])) & mask_;
    if (from_home < ((cell - hole) & mask_)) continue;
    cells_[hole] = cells_[cell];
    hole = cell;
  }
  cells_[hole] = kNone;
}

}  // namespace shoal
