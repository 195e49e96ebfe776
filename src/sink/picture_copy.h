// Copies of pictures that may be drawn on, with the even sides that video wants.
#pragma once

#include <string_view>

#include "core/camera_result.h"
#include "shoal/frame.h"
#include "shoal/result.h"
#include "sink/annotate.h"

namespace shoal {

// The pixels as RGB, in `room`, packed rows of `padded`; what is beyond the picture is not set.
// The canvas has the picture's size.
// Errors   kOutOfMemory; `name` stands in the message.
[[nodiscard]] Result<Canvas> copy_rgb(PixelBuffer& room, const ImageView& image, Size padded,
                                      std::string_view name);

// Repeats the last column and row until `padded` is full.
void repeat_edges(const Canvas& canvas, Size padded);

// A line through these points, line_width() wide, with a dark seam; of one point nothing is drawn.
// What is outside the picture is left out.
void draw_outline(const Canvas& canvas, const PicturePoint* points, std::size_t count, bool closed,
                  Colour colour);

}  // namespace shoal
