#include "service/cameras/view_limits.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <vector>

#include "core/invalid.h"
#include "core/suggest.h"

namespace shoal {
namespace {

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<void> set_view_width(ViewWish& wish, std::optional<double> value) {
  if (!value || std::trunc(*value) != *value || *value < kViewWidthMin || *value > kViewWidthMax) {
    return invalid(fmt::format("width: expected a whole number from {} to {}", kViewWidthMin,
                               kViewWidthMax));
  }
  wish.width = static_cast<int>(*value);
  return {};
}

Result<void> set_view_fps(ViewWish& wish, std::optional<double> value) {
  if (!value || !(*value >= kViewFpsMin && *value <= kViewFpsMax)) {
    return invalid(fmt::format("fps: expected a number from {} to {}", kViewFpsMin, kViewFpsMax));
  }
  wish.fps = *value;
  return {};
}

Result<void> read_view(ViewWish& wish, const HttpRequest& request, bool has_fps) {
  std::vector<std::string_view> known = {"boxes", "width"};
  if (has_fps) known.emplace_back("fps");
  for (const auto& [name, value] : request.query) {
    if (name == "width") {
      SHOAL_TRY(set_view_width(wish, number_of(value)));
    } else if (name == "fps" && has_fps) {
      SHOAL_TRY(set_view_fps(wish, number_of(value)));
    } else if (name == "boxes") {
      if (value != "0" && value != "1") return invalid("boxes: expected 0 or 1");
      wish.boxes = value == "1";
    } else {
      return invalid(fmt::format("unknown option '{}'{}", name.substr(0, 64),
                                 suggestion(std::string_view(name).substr(0, 64), known)));
    }
  }
  return {};
}

}  // namespace shoal
