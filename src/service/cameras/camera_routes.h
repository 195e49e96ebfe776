// The cameras' door: docs/cameras-api.md as routes over CameraControl.
#pragma once

#include <functional>
#include <string>

#include "pipeline/camera_control.h"
#include "service/cameras/camera_json.h"
#include "service/cameras/live_picture.h"
#include "service/http/exchange.h"

namespace shoal {

struct CameraRoutesOptions {
  CameraControl* control = nullptr;  // outlives the routes
  // SITE's figures, asked for once a second while somebody looks; null: all zero. Any thread.
  std::function<SiteFigures()> figures;
  // The effective configuration as one JSON object, without passwords; null: the path answers 404.
  // Any thread.
  std::function<std::string()> config_json;
  // Draws boxes for ?boxes=1; null: such requests get 415. One thread at a time.
  DrawResult draw;
  std::string version;
  // Whether what cameras are analysed with is ready; null: it is. Any thread.
  std::function<bool()> ready = nullptr;
};

// Adds everything below /api/v1/ that docs/cameras-api.md lists. GET / is not among it.
//
// The routes start four threads, "live-encode", "live-news", "camera-change" and "camera-read",
// that end with the last copy of the handlers: the server goes before `control` does.
// REQUIRES: options.control is set.
void add_camera_routes(HttpRouter& router, CameraRoutesOptions options);

}  // namespace shoal
