// Fifteen candidate places a label, judged by what they cover.
#include "sink/label_layout.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace shoal {
namespace {

constexpr double kHideableShare = 0.25;

// In the order of preference: above the box reads best; inside covers the object itself.
std::array<PixelRect, 15> candidates(const LabelRequest& request) {
  const PixelRect& box = request.box;
  const int width = request.size.width;
  const int height = request.size.height;
  const int centre = (box.left + box.right - width) / 2;
  const int middle = (box.top + box.bottom - height) / 2;
  const auto at = [&](int left, int top) {
    return PixelRect{left, top, left + width, top + height};
  };
  return {at(box.left, box.top - height),    at(box.right - width, box.top - height),
          at(box.left, box.bottom),          at(box.right - width, box.bottom),
          at(box.left, box.top),             at(box.right - width, box.top),
          at(box.left, box.bottom - height), at(box.right - width, box.bottom - height),
          at(box.right, box.top),            at(box.left - width, box.top),
          at(box.right, middle),             at(box.left - width, middle),
          at(centre, box.top - height),      at(centre, box.bottom),
          at(centre, middle)};
}

PixelRect moved_into(Size picture, PixelRect rect) {
  const int left = std::clamp(rect.left, 0, picture.width - rect.width());
  const int top = std::clamp(rect.top, 0, picture.height - rect.height());
  return {left, top, left + rect.width(), top + rect.height()};
}

std::int64_t area(const PixelRect& rect) {
  return static_cast<std::int64_t>(rect.width()) * rect.height();
}

struct Choice {
  PixelRect place;
  double cost = std::numeric_limits<double>::infinity();
  bool hides = false;
};

// What a place costs, in pixels covered; stops counting beyond `limit`.
Choice judge(const PixelRect& place, std::size_t self, std::span<const LabelRequest> requests,
             std::span<const PixelRect> taken, double start, double limit) {
  Choice choice{.place = place, .cost = start};
  double hidden = 0;  // of this label, by all the earlier ones together
  for (const PixelRect& other : taken) hidden += static_cast<double>(overlap_area(place, other));
  choice.cost += 8 * hidden;
  choice.hides = hidden > kHideableShare * static_cast<double>(area(place));
  for (std::size_t i = 0; i < requests.size() && choice.cost < limit; ++i) {
    const PixelRect& box = requests[i].box;
    const auto covered = static_cast<double>(overlap_area(place, box));
    if (covered <= 0) continue;
    // Covering a corner of a large neighbour is harmless, hiding a small one is not.
    const double share = covered / static_cast<double>(area(box));
    choice.cost += covered * (i == self ? 0.3 : 0.3 + 2 * share);
  }
  return choice;
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
    Choice best;
    double preference = 0;
    for (const PixelRect& wish : candidates(requests[i])) {
      const PixelRect place = moved_into(picture, wish);
      // A place that had to be moved may lie far from its box's edge or over the box.
      const double start = preference + (place == wish ? 0 : 0.1 * label_area);
      const Choice choice = judge(place, i, requests, taken, start, best.cost);
      if (choice.cost < best.cost) best = choice;
      preference += 0.02 * label_area;
    }
    if (best.hides) continue;
    places[i] = best.place;
    taken.push_back(best.place);
  }
  return places;
}

}  // namespace shoal
