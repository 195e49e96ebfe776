// Any bytes as what clients of cameras send: a camera that is accepted says the same when it is
// written down and read again; what a page may watch is within the limits.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pipeline/site_config_read.h"
#include "service/cameras/deepstream.h"
#include "service/cameras/live_socket.h"
#include "service/cameras/view_limits.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  shoal::CameraConfig base;
  base.name = "line-1";
  const auto camera = shoal::camera_from_json(text, base);
  if (camera) {
    const std::string written = shoal::camera_to_json(*camera, shoal::Passwords::kShown);
    const auto again = shoal::camera_from_json(written, base);
    check(again.has_value());
    check(*again == *camera);
  } else {
    check(!camera.error().message.empty());
  }
  for (const bool add : {false, true}) {
    const auto change = shoal::read_stream_change(text, add);
    check(!change || !change->id.empty());
  }
  if (const auto wish = shoal::read_watch(text)) {
    check(wish->width >= shoal::kViewWidthMin && wish->width <= shoal::kViewWidthMax);
    check(wish->fps >= shoal::kViewFpsMin && wish->fps <= shoal::kViewFpsMax);
  }
  return 0;
}
