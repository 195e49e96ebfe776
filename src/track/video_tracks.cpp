// Sequences, and their clock.
#include "track/video_tracks.h"

#include <algorithm>
#include <chrono>
#include <string_view>

namespace shoal {
namespace {

constexpr Duration kPictureInterval = std::chrono::nanoseconds(33'333'333);

}  // namespace

VideoTracks::VideoTracks(const TrackerOptions& options)
    : tracker_(options, [this] { return TrackId{++last_id_}; }) {}

void VideoTracks::follow(Outcome& outcome) {
  const bool video = outcome.media_time.has_value();
  const TimePoint now = time_of(outcome);
  if (outcome.error) return;
  const auto frame = static_cast<std::uint64_t>(outcome.frame);
  const std::string_view sequence = video ? std::string_view(outcome.source) : "";
  if (!source_ || *source_ != sequence || (video && frame <= last_frame_)) {
    tracker_.restart();
    source_ = sequence;
    last_time_ = now;
  }
  last_frame_ = frame;
  // Time stamps of damaged containers go back; they do not take the tracker with them.
  last_time_ = std::max(last_time_, now);
  auto& detections = outcome.detections.items;
  tracker_.update(detections, last_time_);
  std::erase_if(detections, [](const Detection& one) { return !one.track_id; });
}

TimePoint VideoTracks::time_of(const Outcome& outcome) {
  if (outcome.media_time) {
    return TimePoint(std::chrono::duration_cast<Duration>(*outcome.media_time));
  }
  return TimePoint(kPictureInterval * pictures_++);
}

}  // namespace shoal
