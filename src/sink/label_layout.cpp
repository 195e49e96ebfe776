// Twelve candidate places a label, judged by what they cover.
#include "sink/label_layout.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace shoal {
namespace {

constexpr double kHideableShare = 0.5;

// In the order of preference: above the box reads best; inside covers the object itself.
std::array<PixelRect, 12> candidates(const LabelRequest& request) {
  const PixelRect& box = request.box;
  const int width = request.size.width;
  const int height = request.size.height;
  const int middle = (box.top + box.bottom - height) / 2;
  const auto at = [&](int left, int top) {
    return PixelRect{left, top, left + width, top + height};
  };
  return {at(box.left, box.top - height),           at(box.right - width, box.top - height),
          at(box.left, box.bottom),                 at(box.right - width, box.bottom),
          at(box.left, box.top),                    at(box.right - width, box.top),
          at(box.left, box.bottom - height),        at(box.right - width, box.bottom - height),
          at(box.right, box.top),                   at(box.left - width, box.top),
          at(box.right, middle),                    at(box.left - width, middle)};
}

PixelRect moved_into(Size picture, PixelRect rect) {
  const int left = std::clamp(rect.left, 0, picture.width - rect.width());
  const int top = std::clamp(rect.top, 0, picture.height - rect.height());
  return {left, top, left + rect.width(), top + rect.height()};
}

std::int64_t area(const PixelRect& rect) {
  return static_cast<std::int64_t>(rect.width()) * rect.height();
}

}  // namespace

std::int64_t overlap_area(const PixelRect& a, const PixelRect& b) {
  const int width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const int height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return width > 0 && height > 0 ? static_cast<std::int64_t>(width) * height : 0;
}

std::vector<std::optional<PixelRect>> place_labels(Size picture,
                                                   std::span<const LabelRequest> requests) {
  std::vector<std::optional<PixelRect>> places(requests.size());
  std::vector<PixelRect> taken;
  taken.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Size size = requests[i].size;
    if (size.width <= 0 || size.height <= 0 || size.width > picture.width ||
        size.height > picture.height) {
      continue;
    }
    const double label_area = static_cast<double>(size.width) * size.height;
    double best_cost = std::numeric_limits<double>::infinity();
    bool best_hides = false;
    PixelRect best;
    double preference = 0;
    for (const PixelRect& wish : candidates(requests[i])) {
      const PixelRect place = moved_into(picture, wish);
      double cost = preference;
      preference += 0.02 * label_area;
      // A place that had to be moved may lie far from its box's edge or over the box.
      if (!(place == wish)) cost += 0.1 * label_area;
      bool hides = false;
      for (const PixelRect& other : taken) {
        const auto covered = static_cast<double>(overlap_area(place, other));
        cost += 8 * covered;
        hides = hides || covered > kHideableShare * static_cast<double>(
                                       std::min(area(place), area(other)));
      }
      for (std::size_t j = 0; j < requests.size() && cost < best_cost; ++j) {
        const auto covered = static_cast<double>(overlap_area(place, requests[j].box));
        if (covered <= 0) continue;
        // Covering a corner of a large neighbour is harmless, hiding a small one is not.
        const double share = covered / static_cast<double>(area(requests[j].box));
        cost += covered * (j == i ? 0.3 : 0.3 + 2 * share);
      }
      if (cost < best_cost) {
        best_cost = cost;
        best = place;
        best_hides = hides;
      }
    }
    if (best_hides) continue;
    places[i] = best;
    taken.push_back(best);
  }
  return places;
}

}  // namespace shoal
