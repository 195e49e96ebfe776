// What viewers may ask for: `width`, `fps` and `boxes` of the socket and of the picture routes.
#pragma once

#include <optional>
#include <string_view>

#include "service/cameras/live_hub.h"
#include "service/http/exchange.h"
#include "shoal/result.h"

namespace shoal {

inline constexpr int kViewWidthMin = 64;
inline constexpr int kViewWidthMax = 1920;
inline constexpr double kViewFpsMin = 0.1;
inline constexpr double kViewFpsMax = 30;

// Errors   invalid_argument: no number, or outside of the limits.
[[nodiscard]] Result<void> set_view_width(ViewWish& wish, std::optional<double> value);
[[nodiscard]] Result<void> set_view_fps(ViewWish& wish, std::optional<double> value);

// ?width=640&fps=10&boxes=1 of a picture route; without a parameter its value in `wish` stays.
// Errors   invalid_argument, also for unknown parameters, as `fps` is where `has_fps` is false.
[[nodiscard]] Result<void> read_view(ViewWish& wish, const HttpRequest& request, bool has_fps);

}  // namespace shoal
