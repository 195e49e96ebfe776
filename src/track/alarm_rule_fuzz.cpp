// Any bytes as an alarm condition: a rule that can be evaluated, or an error that names a column.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "track/alarm_rule.h"

namespace {

// Two tracks, one of which is in a zone and has just crossed a line.
shoal::CameraResult make_result() {
  auto camera = std::make_shared<shoal::CameraIdentity>();
  camera->name.assign(1, 'x');
  camera->class_names = {"short", "J\xC3\xB6rg"};
  camera->zones = {"belt", "a"};
  camera->lines = {"gate", "exit"};
  shoal::CameraResult result;
  result.camera = camera;
  result.outcome.size = {100, 100};
  for (std::uint32_t i = 0; i < 2; ++i) {
    shoal::Track track;
    track.id = shoal::TrackId{i + 1};
    track.class_id = static_cast<std::int32_t>(i);
    track.zones = i;
    track.box = {0, 0, 50, 50};
    track.confidence = 0.5F;
    result.tracks.push_back(track);
  }
  result.crossings.push_back({.line = 0, .track = shoal::TrackId{1}});
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rule = shoal::AlarmRule::parse(text);
  if (!rule) {
    if (!rule.error().message.starts_with("alarm condition, column ")) std::abort();
    return 0;
  }
  if (rule->text() != text) std::abort();
  static shoal::CameraResult result = make_result();
  shoal::AlarmWatch watch(*rule, std::chrono::seconds(1));
  result.captured = {};
  for (int i = 0; i < 3; ++i) {
    result.captured += std::chrono::hours(800);  // longer than any "for"
    const auto match = watch.update(result);
    if (!match) continue;
    if (match->message.empty()) std::abort();
    for (const std::size_t track : match->tracks) {
      if (track >= result.tracks.size()) std::abort();
    }
  }
  return 0;
}
