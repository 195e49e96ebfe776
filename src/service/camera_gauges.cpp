#include "service/camera_gauges.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Families {
 public:
  explicit Families(ServiceGauges& gauges) : gauges_(gauges) {}
  void gauge(const char* name, const char* help, Labels labels, double value) {
    gauges_.values.push_back({.name = name, .help = help, .counter = false,
                              .labels = std::move(labels), .value = value});
  }
  void counter(const char* name, const char* help, Labels labels, std::uint64_t value) {
    gauges_.values.push_back({.name = name, .help = help, .counter = true,
                              .labels = std::move(labels), .value = static_cast<double>(value)});
  }

 private:
  ServiceGauges& gauges_;
};

void add_camera(Families& families, const CameraStatus& camera) {
  const auto of = [&](Labels more = {}) {
    Labels labels{{"camera", camera.config.name}};
    labels.insert(labels.end(), more.begin(), more.end());
    return labels;
  };
  const bool idle = camera.state == CameraState::kPaused || camera.state == CameraState::kEnded;
  if (!idle) {
    families.gauge("shoal_camera_up", "1 while frames come; not there while paused or ended.",
                   of(), camera.state == CameraState::kRunning ? 1 : 0);
  }
  families.counter("shoal_camera_packets_total", "Packets received.", of(), camera.packets);
  families.counter("shoal_camera_bytes_total", "Bytes received.", of(), camera.bytes);
  families.counter("shoal_camera_frames_total", "Frames by what became of them.",
                   of({{"what", "decoded"}}), camera.decoded);
  families.counter("shoal_camera_frames_total", "Frames by what became of them.",
                   of({{"what", "analysed"}}), camera.analysed);
  families.counter("shoal_camera_frames_total", "Frames by what became of them.",
                   of({{"what", "late"}}), camera.late);
  families.counter("shoal_camera_frames_total", "Frames by what became of them.",
                   of({{"what", "failed"}}), camera.errors);
  for (std::size_t i = 0; i < kFrameDropCount; ++i) {
    families.counter("shoal_camera_dropped_total", "Frames and packets not analysed, by reason.",
                     of({{"reason", std::string(kFrameDropNames[i])}}), camera.dropped[i]);
  }
  families.counter("shoal_camera_connects_total", "Connections that gave frames.", of(),
                   camera.connects);
  families.counter("shoal_camera_alarms_total", "Alarms raised.", of(), camera.alarms);
  families.gauge("shoal_camera_tracks", "Objects being followed.", of(), camera.tracks);
  families.gauge("shoal_camera_fps", "Frames a second over the last two seconds.",
                 of({{"what", "received"}}), camera.fps_in);
  families.gauge("shoal_camera_fps", "Frames a second over the last two seconds.",
                 of({{"what", "analysed"}}), camera.fps_out);
  if (camera.age_ms) {
    families.gauge("shoal_camera_age_seconds", "Age of the newest result.", of(),
                   *camera.age_ms / 1000);
  }
  families.gauge("shoal_camera_latency_seconds", "Capture to result, of the last 256 frames.",
                 of({{"quantile", "0.5"}}), camera.latency_ms_p50 / 1000);
  families.gauge("shoal_camera_latency_seconds", "Capture to result, of the last 256 frames.",
                 of({{"quantile", "0.99"}}), camera.latency_ms_p99 / 1000);
}

}  // namespace

void add_camera_gauges(ServiceGauges& gauges, const CameraControl& control) {
  Families families(gauges);
  for (const CameraStatus& camera : control.cameras()) add_camera(families, camera);
  for (const SinkStatus& sink : control.sinks()) {
    const Labels labels{{"sink", sink.name}};
    families.counter("shoal_sink_dropped_total", "Results that the sink did not get.", labels,
                     sink.dropped);
    families.gauge("shoal_sink_waiting", "Results in its queue.", labels,
                   static_cast<double>(sink.waiting));
    families.gauge("shoal_sink_spooled", "Alarms that it does not have yet.", labels,
                   static_cast<double>(sink.spooled));
  }
}

}  // namespace shoal
