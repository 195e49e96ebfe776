#include "pipeline/alarm_picture.h"

#include <algorithm>

namespace shoal {
namespace {

constexpr int kQuality = 80;

}  // namespace

std::vector<std::uint8_t> AlarmPainter::paint(const Frame& frame, const Alarm& alarm,
                                              const std::vector<std::string>& class_names) {
  if (frame.pixels.data() == nullptr || frame.size.width <= 0) return {};
  reduced_.size = reduced_size(frame.size, kWidth);
  reduced_.pitch_bytes = std::ptrdiff_t{reduced_.size.width} * 3;
  reduced_.format = frame.format;
  std::uint8_t* pixels = reduced_.pixels.reserve(static_cast<std::size_t>(
      std::int64_t{3} * reduced_.size.width * reduced_.size.height));
  if (pixels == nullptr) return {};
  reduce_area(frame.view(), reduced_.size, pixels, room_);
  if (names_ != class_names) {
    names_ = class_names;
    annotator_ = Annotator(names_);
  }
  boxes_.items.clear();
  for (const Alarm::Object& object : alarm.objects) {
    const auto name = std::find(names_.begin(), names_.end(), object.name);
    boxes_.items.push_back({.box = object.box,
                            .confidence = object.confidence,
                            .class_id = static_cast<std::int32_t>(name - names_.begin()),
                            .track_id = object.track});
  }
  annotator_.draw({.data = reduced_.pixels.data(),
                   .size = reduced_.size,
                   .pitch_bytes = reduced_.pitch_bytes,
                   .format = reduced_.format},
                  frame.source_size, boxes_);
  const auto jpeg = encoder_.jpeg(reduced_.view(), kQuality);
  if (!jpeg) return {};
  return {jpeg->begin(), jpeg->end()};
}

}  // namespace shoal
