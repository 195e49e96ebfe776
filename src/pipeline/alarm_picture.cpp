#include "pipeline/alarm_picture.h"

#include <algorithm>

namespace shoal {
namespace {

constexpr int kQuality = 80;

// Of a square of the source, channel by channel.
void mean_of(std::uint8_t* out, const ImageView& view, int x, int y, int factor) {
  std::uint32_t sums[3] = {};
  for (int row = 0; row < factor; ++row) {
    const std::uint8_t* in = view.data + (y + row) * view.pitch_bytes + std::ptrdiff_t{x} * 3;
    for (int i = 0; i < factor; ++i, in += 3) {
      for (int c = 0; c < 3; ++c) sums[c] += in[c];
    }
  }
  const auto area = static_cast<std::uint32_t>(factor * factor);
  for (int c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>((sums[c] + area / 2) / area);
}

}  // namespace

Result<void> reduce_pixels(Frame& reduced, const ImageView& view, int width) {
  const int factor = std::max(1, std::min(view.size.width / width, view.size.height));
  const Size size{view.size.width / factor, view.size.height / factor};
  const std::ptrdiff_t pitch = std::ptrdiff_t{size.width} * 3;
  std::uint8_t* out = reduced.pixels.reserve(static_cast<std::size_t>(pitch) *
                                             static_cast<std::size_t>(size.height));
  if (out == nullptr) return Error{ErrorCode::kOutOfMemory, "no memory for a reduced picture"};
  reduced.size = size;
  reduced.pitch_bytes = pitch;
  reduced.format = PixelFormat::kRgb8;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x, out += 3) {
      mean_of(out, view, x * factor, y * factor, factor);
    }
  }
  return {};
}

std::vector<std::uint8_t> AlarmPainter::paint(const Frame& frame, const Alarm& alarm,
                                              const std::vector<std::string>& class_names) {
  if (frame.pixels.data() == nullptr || frame.size.width <= 0) return {};
  if (!reduce_pixels(reduced_, frame.view(), kWidth)) return {};
  reduced_.source_size = frame.source_size;
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
