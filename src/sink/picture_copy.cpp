// Rows, edges and lines of copied pictures.
#include "sink/picture_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shoal {
namespace {

constexpr Colour kSeam = {0, 0, 0};

// A square of `side` pixels around a point.
void dab(const Canvas& canvas, int x, int y, int side, Colour colour) {
  const int left = std::max(x - side / 2, 0);
  const int top = std::max(y - side / 2, 0);
  const int right = std::min(x - side / 2 + side, canvas.size.width);
  const int bottom = std::min(y - side / 2 + side, canvas.size.height);
  if (canvas.format == PixelFormat::kBgr8) std::swap(colour.red, colour.blue);
  for (int row = top; row < bottom; ++row) {
    std::uint8_t* pixel = canvas.data + row * canvas.pitch_bytes + left * 3;
    for (int column = left; column < right; ++column) {
      *pixel++ = colour.red;
      *pixel++ = colour.green;
      *pixel++ = colour.blue;
    }
  }
}

void stroke(const Canvas& canvas, PicturePoint from, PicturePoint to, int side, Colour colour) {
  const double x = static_cast<double>(from.x) * canvas.size.width;
  const double y = static_cast<double>(from.y) * canvas.size.height;
  const double across = static_cast<double>(to.x) * canvas.size.width - x;
  const double down = static_cast<double>(to.y) * canvas.size.height - y;
  const int steps = std::max(1, static_cast<int>(std::max(std::abs(across), std::abs(down))));
  for (int i = 0; i <= steps; ++i) {
    const double share = static_cast<double>(i) / steps;
    dab(canvas, static_cast<int>(std::lround(x + across * share)),
        static_cast<int>(std::lround(y + down * share)), side, colour);
  }
}

}  // namespace

Result<Canvas> copy_rgb(PixelBuffer& room, const ImageView& image, Size padded,
                        std::string_view name) {
  const std::ptrdiff_t pitch = static_cast<std::ptrdiff_t>(padded.width) * 3;
  std::uint8_t* data =
      room.reserve(static_cast<std::size_t>(pitch) * static_cast<std::size_t>(padded.height));
  if (data == nullptr) {
    return Error{ErrorCode::kOutOfMemory, fmt::format("{}: no memory to draw {}x{} pixels", name,
                                                      padded.width, padded.height)};
  }
  for (int y = 0; y < image.size.height; ++y) {
    const std::uint8_t* in = image.data + y * image.pitch_bytes;
    std::uint8_t* out = data + y * pitch;
    if (image.format == PixelFormat::kRgb8) {
      std::memcpy(out, in, static_cast<std::size_t>(image.size.width) * 3);
      continue;
    }
    for (int x = 0; x < image.size.width; ++x, in += 3, out += 3) {
      out[0] = in[2];
      out[1] = in[1];
      out[2] = in[0];
    }
  }
  return Canvas{data, image.size, pitch, PixelFormat::kRgb8};
}

void repeat_edges(const Canvas& canvas, Size padded) {
  for (int y = 0; y < canvas.size.height; ++y) {
    std::uint8_t* row = canvas.data + y * canvas.pitch_bytes;
    for (int x = canvas.size.width; x < padded.width; ++x) {
      std::memcpy(row + x * 3, row + (canvas.size.width - 1) * 3, 3);
    }
  }
  const std::uint8_t* last = canvas.data + (canvas.size.height - 1) * canvas.pitch_bytes;
  for (int y = canvas.size.height; y < padded.height; ++y) {
    std::memcpy(canvas.data + y * canvas.pitch_bytes, last,
                static_cast<std::size_t>(padded.width) * 3);
  }
}

void draw_outline(const Canvas& canvas, const PicturePoint* points, std::size_t count, bool closed,
                  Colour colour) {
  if (count < 2) return;
  const int line = line_width(canvas.size);
  const std::size_t strokes = closed ? count : count - 1;
  for (const bool seam : {true, false}) {
    for (std::size_t i = 0; i < strokes; ++i) {
      stroke(canvas, points[i], points[(i + 1) % count], seam ? line + 2 : line,
             seam ? kSeam : colour);
    }
  }
}

}  // namespace shoal
