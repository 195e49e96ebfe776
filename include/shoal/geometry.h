// Sizes, boxes tagged with their space, and the letterbox between picture and network. Pure
// arithmetic; the pixels are resampled in src/preprocess.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace shoal {

struct Size {
  int width = 0;   // pixels
  int height = 0;  // pixels
  friend bool operator==(const Size&, const Size&) = default;
};

struct SourceSpace {};   // pixels of the upright picture as it was captured or stored
struct NetworkSpace {};  // pixels of the network's input

// Half-open [x1, x2) x [y1, y2), in pixels of Space. Boxes of two spaces do not convert; only
// Letterbox does that.
template <typename Space>
struct Box {
  float x1 = 0;
  float y1 = 0;
  float x2 = 0;
  float y2 = 0;
  [[nodiscard]] float width() const { return x2 - x1; }
  [[nodiscard]] float height() const { return y2 - y1; }
  [[nodiscard]] float area() const {
    return std::max(0.0F, width()) * std::max(0.0F, height());
  }
  friend bool operator==(const Box&, const Box&) = default;
};

// Where the picture lies in the network's input: in the middle (Ultralytics), in the top left
// corner with the padding right and below (YOLOX), or stretched over all of it, each axis by its
// own ratio (PicoDet).
enum class Placement : std::uint8_t { kCentred, kTopLeft, kStretched };

// The name as sidecars and `inspect` have it.
[[nodiscard]] constexpr std::string_view to_string(Placement placement) {
  switch (placement) {
    case Placement::kCentred: return "centred";
    case Placement::kTopLeft: return "top_left";
    case Placement::kStretched: return "stretched";
  }
  return "centred";
}

// The geometry of one letterbox. Plain data, valid for the process's life.
//
// The picture is scaled by one ratio, rounded to whole pixels (`content`), and padded; stretched,
// it is the whole network. Because of that rounding, or the stretching, each axis has its own
// exact scale, content / source; the way back uses it, so that no box moves.
struct Letterbox {
  Size source;   // the upright picture
  Size network;  // the bucket
  Size content;  // the scaled picture inside the bucket
  int left = 0;  // first column of the content
  int top = 0;   // first row of the content

  // Ratio and rounding as in Ultralytics' LetterBox (`round(dh - 0.1)`), or top left, or the whole.
  // REQUIRES: all sides > 0.
  [[nodiscard]] static Letterbox fit(Size source, Size network, Placement placement) {
    if (placement == Placement::kStretched) {
      return {.source = source, .network = network, .content = network};
    }
    const double ratio = std::min(static_cast<double>(network.width) / source.width,
                                  static_cast<double>(network.height) / source.height);
    const auto scaled = [ratio](int side, int limit) {
      // nearbyint: half to even, as Python's round does.
      return std::clamp(static_cast<int>(std::nearbyint(side * ratio)), 1, limit);
    };
    Letterbox box{.source = source, .network = network, .content = {}};
    box.content = {scaled(source.width, network.width), scaled(source.height, network.height)};
    if (placement == Placement::kCentred) {
      box.left = static_cast<int>(
          std::nearbyint((network.width - box.content.width) / 2.0 - 0.1));
      box.top = static_cast<int>(
          std::nearbyint((network.height - box.content.height) / 2.0 - 0.1));
    }
    return box;
  }

  // Maps to the picture and clips there. Never drops a box for touching an edge.
  [[nodiscard]] Box<SourceSpace> to_source(Box<NetworkSpace> box) const {
    const float x_scale = static_cast<float>(source.width) / static_cast<float>(content.width);
    const float y_scale = static_cast<float>(source.height) / static_cast<float>(content.height);
    const auto x = [&](float value) {
      return std::clamp((value - static_cast<float>(left)) * x_scale, 0.0F,
                        static_cast<float>(source.width));
    };
    const auto y = [&](float value) {
      return std::clamp((value - static_cast<float>(top)) * y_scale, 0.0F,
                        static_cast<float>(source.height));
    };
    return {x(box.x1), y(box.y1), x(box.x2), y(box.y2)};
  }

  // Share of the bucket that is padding, in [0, 1).
  [[nodiscard]] double padding() const {
    return 1.0 - static_cast<double>(content.width) * content.height /
                     (static_cast<double>(network.width) * network.height);
  }
};

// The index of the bucket that pads a picture of this size least or, where pictures are stretched,
// changes its proportions least; the first of equals.
// REQUIRES: at least one bucket; all sides > 0.
[[nodiscard]] inline std::size_t choose_bucket(Size source, std::span<const Size> buckets,
                                               Placement placement) {
  const auto cost = [&](Size bucket) {
    if (placement != Placement::kStretched) {
      return Letterbox::fit(source, bucket, placement).padding();
    }
    const double x_scale = static_cast<double>(bucket.width) / source.width;
    const double y_scale = static_cast<double>(bucket.height) / source.height;
    return std::abs(std::log(x_scale / y_scale));
  };
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const double here = cost(buckets[i]);
    if (here < least - 1e-9) {
      best = i;
      least = here;
    }
  }
  return best;
}

}  // namespace shoal
