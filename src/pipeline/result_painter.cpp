#include "pipeline/result_painter.h"

#include <memory>
#include <vector>

#include "sink/annotate.h"

namespace shoal {

struct ResultPainter::State {
  std::shared_ptr<const CameraIdentity> camera;  // whose names the annotator knows
  Annotator annotator{{}};
  Detections tracks;
};

ResultPainter::ResultPainter() : state_(std::make_unique<State>()) {}
ResultPainter::~ResultPainter() = default;

void ResultPainter::draw(const PaintedPixels& pixels, const CameraResult& result) {
  State& state = *state_;
  if (state.camera != result.camera) {
    state.camera = result.camera;
    state.annotator = Annotator(state.camera->class_names);
  }
  state.tracks.items.clear();
  for (const Track& track : result.tracks) {
    // Where it was looked for and not found, a guess would be drawn.
    if (track.carried && result.inferred) continue;
    state.tracks.items.push_back({.box = track.box,
                                  .confidence = track.confidence,
                                  .class_id = track.class_id,
                                  .track_id = track.id});
  }
  const Detections& drawn = result.tracks.empty() ? result.outcome.detections : state.tracks;
  state.annotator.draw({.data = pixels.data,
                        .size = pixels.size,
                        .pitch_bytes = pixels.pitch_bytes,
                        .format = PixelFormat::kRgb8},
                       result.outcome.size, drawn);
}

}  // namespace shoal
