#include "service/cameras/camera_routes.h"

#include <memory>
#include <utility>

#include "core/check.h"
#include "service/cameras/camera_door.h"

namespace shoal {

void add_camera_routes(HttpRouter& router, CameraRoutesOptions options) {
  SHOAL_CHECK(options.control != nullptr, "the cameras' routes need a site");
  using Exchange = CameraDoor::Exchange;
  const auto door = std::make_shared<CameraDoor>(std::move(options));
  const auto add = [&](std::string_view method, std::string_view path,
                       void (CameraDoor::*handler)(const Exchange&)) {
    router.add(method, path, [door, handler](const Exchange& e) { ((*door).*handler)(e); },
               RouteAccess::kOwnPages);
  };
  const auto add_with = [&](std::string_view method, std::string_view path,
                            void (CameraDoor::*handler)(const Exchange&, bool), bool flag) {
    router.add(method, path,
               [door, handler, flag](const Exchange& e) { ((*door).*handler)(e, flag); },
               RouteAccess::kOwnPages);
  };
  add("GET", "/api/v1/cameras", &CameraDoor::cameras);
  add("POST", "/api/v1/cameras", &CameraDoor::add);
  add("GET", "/api/v1/cameras/{name}", &CameraDoor::camera);
  add_with("PUT", "/api/v1/cameras/{name}", &CameraDoor::change, true);
  add_with("PATCH", "/api/v1/cameras/{name}", &CameraDoor::change, false);
  add("DELETE", "/api/v1/cameras/{name}", &CameraDoor::remove);
  add_with("POST", "/api/v1/cameras/{name}/pause", &CameraDoor::set_paused, true);
  add_with("POST", "/api/v1/cameras/{name}/resume", &CameraDoor::set_paused, false);
  add("GET", "/api/v1/cameras/{name}/frame.jpg", &CameraDoor::frame);
  add("GET", "/api/v1/cameras/{name}/stream.mjpg", &CameraDoor::mjpeg);
  add("GET", "/api/v1/alarms", &CameraDoor::alarms);
  add("GET", "/api/v1/alarms/{id}/thumbnail.jpg", &CameraDoor::thumbnail);
  add("GET", "/api/v1/alarms/{id}/clip.mp4", &CameraDoor::clip);
  add("GET", "/api/v1/status", &CameraDoor::status);
  add("GET", "/api/v1/config", &CameraDoor::config);
  add("GET", "/api/v1/live", &CameraDoor::live);
  add("POST", "/api/v1/stream/add", &CameraDoor::stream_add);
  add("POST", "/api/v1/stream/remove", &CameraDoor::stream_remove);
  add("GET", "/api/v1/stream/get-stream-info", &CameraDoor::stream_info);
  add("GET", "/api/v1/health/get-dsready-state", &CameraDoor::stream_ready);
}

}  // namespace shoal
