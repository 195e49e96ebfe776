#include "core/camera_result.h"

namespace shoal {

// The bindings name every member, so that a new one does not compile until it is copied.
void copy_without_pixels(CameraResult& to, const CameraResult& from) {
  const auto& [camera, frame, captured_at, captured, inferred, outcome, tracks, track_events,
               zone_events, crossings, zone_counts, line_counts] = from;
  to.camera = camera;
  to.frame = frame;
  to.captured_at = captured_at;
  to.captured = captured;
  to.inferred = inferred;
  to.tracks = tracks;
  to.track_events = track_events;
  to.zone_events = zone_events;
  to.crossings = crossings;
  to.zone_counts = zone_counts;
  to.line_counts = line_counts;
  const auto& [source, stream, frame_id, media_time, size, error, damaged, detections, batch_size,
               batch, padding, times, pixels] = outcome;
  (void)pixels;
  to.outcome.source = source;
  to.outcome.stream = stream;
  to.outcome.frame = frame_id;
  to.outcome.media_time = media_time;
  to.outcome.size = size;
  to.outcome.error = error;
  to.outcome.damaged = damaged;
  to.outcome.detections = detections;
  to.outcome.batch_size = batch_size;
  to.outcome.batch = batch;
  to.outcome.padding = padding;
  to.outcome.times = times;
}

}  // namespace shoal
