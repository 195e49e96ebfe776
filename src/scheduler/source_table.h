// The sources that have requests waiting, each with a small number that indexes what is known of
// it. A hash table that allocates once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/source_key.h"

namespace shoal {

// Cost     O(1) expected; no allocation after construction.
class SourceTable {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // REQUIRES: capacity > 0; there are never more sources at a time.
  explicit SourceTable(std::size_t capacity);

  // The source's number, below the capacity; kNone where it has none.
  [[nodiscard]] std::uint32_t find(SourceKey source) const;
  // The same, given to it now where it had none.
  [[nodiscard]] std::uint32_t find_or_add(SourceKey source);
  // Its number is free again. REQUIRES: given.
  void remove(std::uint32_t number);

 private:
  [[nodiscard]] std::size_t home(SourceKey source) const;
  [[nodiscard]] std::size_t cell_of(SourceKey source) const;  // its own, or the free one

  std::size_t mask_;
  std::vector<std::uint32_t> cells_;    // linear probing; a power of two, at most half full
  std::vector<SourceKey> sources_;  // [capacity], by number
  std::vector<std::uint32_t> free_;
};

}  // namespace shoal
