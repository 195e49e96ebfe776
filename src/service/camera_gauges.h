// Cameras and sinks as families of metrics.
#pragma once

#include "pipeline/camera_control.h"
#include "telemetry/service_gauges.h"

namespace shoal {

// Adds shoal_camera_* (label `camera`) and shoal_sink_* (label `sink`); see docs/evidence.md.
void add_camera_gauges(ServiceGauges& gauges, const CameraControl& control);

}  // namespace shoal
