// Where labels go: pure geometry, in whole pixels.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "shoal/geometry.h"

namespace shoal {

// Half-open, in pixels of the picture.
struct PixelRect {
  int left = 0;
  int top = 0;
  int right = 0;
  int bottom = 0;
  [[nodiscard]] int width() const { return right - left; }
  [[nodiscard]] int height() const { return bottom - top; }
  friend bool operator==(const PixelRect&, const PixelRect&) = default;
};

[[nodiscard]] std::int64_t overlap_area(const PixelRect& a, const PixelRect& b);

struct LabelRequest {
  PixelRect box;  // the drawn box, lines included
  Size size;      // of the label; empty: no label
};

// A place for each label, in the order of the requests: earlier ones choose first. Inside the
// picture; touching its box or inside it; covering earlier labels least, then other boxes least.
// None where the label does not fit into the picture, or where earlier labels would hide more than
// a quarter of it.
//
// Cost     quadratic in the number of labels: 300 take about 2 ms.
[[nodiscard]] std::vector<std::optional<PixelRect>> place_labels(
    Size picture, std::span<const LabelRequest> requests);

}  // namespace shoal
