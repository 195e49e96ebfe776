// What the routes and the page's socket say: STATUS, SITE and the header of a picture, as
// docs/cameras-api.md has them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/camera_result.h"
#include "pipeline/camera_control.h"

namespace shoal {

// SITE's figures that CameraControl does not have. Averages are over the last two seconds.
struct SiteFigures {
  struct Model {
    std::string name;
    std::uint64_t waiting = 0;  // requests before the lanes
    int lanes = 0;
    int idle_lanes = 0;
    int batch_max = 0;
  };
  double uptime_s = 0;
  std::vector<Model> models;
  double images_per_second = 0;
  double batch_mean = 0;
  double latency_ms_p50 = 0;
  double latency_ms_p99 = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t memory_limit_bytes = 0;
  double cpu_share = 0;  // of all cores that the process may use
};

// Appends STATUS. `class_names` are of the camera's model, where the status does not tell them.
void append_camera_status(fmt::memory_buffer& out, const CameraStatus& status,
                          std::span<const std::string> class_names);

// Appends SITE.
void append_site(fmt::memory_buffer& out, const SiteFigures& figures,
                 std::span<const SinkStatus> sinks, WallTime now, std::string_view version);

// Appends the header of a picture: {"type":"frame",...}. `tracked`: the camera follows objects, so
// its tracks are told; else its detections, without ids.
void append_frame_header(fmt::memory_buffer& out, const CameraResult& result, bool tracked,
                         TimePoint now);

}  // namespace shoal
