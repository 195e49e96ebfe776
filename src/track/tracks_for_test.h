// For this folder's tests: boxes by their middle, frames at an even rate, a counter of identities.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/camera_result.h"

namespace shoal {

inline Box<SourceSpace> box_at(double x, double y, double width = 40, double height = 80) {
  return {static_cast<float>(x - width / 2), static_cast<float>(y - height / 2),
          static_cast<float>(x + width / 2), static_cast<float>(y + height / 2)};
}

// Standing on (x, y).
inline Box<SourceSpace> box_on(double x, double y, double width = 40, double height = 80) {
  return box_at(x, y - height / 2, width, height);
}

inline Detection seen(Box<SourceSpace> box, float confidence = 0.9F, std::int32_t class_id = 0) {
  return {.box = box, .confidence = confidence, .class_id = class_id, .track_id = {}};
}

// Ids 1, 2, 3, ...
struct Ids {
  std::uint32_t last = 0;
  TrackId operator()() { return TrackId{++last}; }
};

inline std::uint32_t number(TrackId id) { return static_cast<std::uint32_t>(id); }

// 0 for none.
inline std::uint32_t track_of(const Detection& detection) {
  return detection.track_id ? number(*detection.track_id) : 0;
}

inline TimePoint at_ms(std::int64_t ms) {
  return TimePoint(std::chrono::hours(1)) + std::chrono::milliseconds(ms);
}

// A frame of a 1000 x 500 picture, `ms` after the camera began.
inline void set_frame(CameraResult& result, std::int64_t ms, std::vector<Detection> detections) {
  result.captured = at_ms(ms);
  result.captured_at = WallTime(std::chrono::hours(500'000)) + std::chrono::milliseconds(ms);
  result.outcome.error.reset();
  result.outcome.size = {1000, 500};
  result.outcome.detections.items = std::move(detections);
}

}  // namespace shoal
