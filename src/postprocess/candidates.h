// Boxes above the threshold, before suppression: what decoding hands to NMS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace shoal {

// Columns of equal length, in network pixels; capacities are kept from picture to picture.
// Every value is finite, x1 <= x2, y1 <= y2, |coordinate| <= 2^20 and 0 < score <= 1.
struct Candidates {
  std::vector<float> x1, y1, x2, y2;
  std::vector<float> score;
  std::vector<std::int32_t> class_id;  // in [0, class_count)
  std::vector<std::int32_t> anchor;    // row of the head, over all strides; breaks ties
  std::int32_t class_count = 0;
  bool truncated = false;  // max_candidates cut; what is here are the best

  [[nodiscard]] std::size_t size() const { return score.size(); }
  void clear() { resize(0); }
  void resize(std::size_t count) {
    for (auto* column : {&x1, &y1, &x2, &y2, &score}) column->resize(count);
    class_id.resize(count);
    anchor.resize(count);
  }
  void reserve(std::size_t count) {
    for (auto* column : {&x1, &y1, &x2, &y2, &score}) column->reserve(count);
    class_id.reserve(count);
    anchor.reserve(count);
  }
};

}  // namespace shoal
