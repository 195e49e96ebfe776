// Lines are written straight into the pixels; labels are rendered by Pango as coverage masks, kept
// by their text, and blended.
#include "sink/annotate.h"

#include <fmt/format.h>
#include <pango/pangocairo.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/json_text.h"
#include "sink/label_layout.h"
#include "sink/source_name.h"

#if defined(__SANITIZE_ADDRESS__)
// fontconfig keeps one pattern (288 bytes, once a process) that nobody can reach any more.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }
#endif

namespace shoal {
namespace {

constexpr Colour kBlack = {0, 0, 0};
constexpr Colour kWhite = {255, 255, 255};
constexpr std::array<Colour, 7> kHues = {{{230, 159, 0},     // orange
                                          {86, 180, 233},    // sky blue
                                          {0, 158, 115},     // bluish green
                                          {240, 228, 66},    // yellow
                                          {0, 114, 178},     // blue
                                          {213, 94, 0},      // vermilion
                                          {204, 121, 167}}}; // reddish purple

Colour mixed(Colour a, Colour b, double share_of_b) {
  const auto mix = [share_of_b](std::uint8_t x, std::uint8_t y) {
    return static_cast<std::uint8_t>(std::lround(x + (y - x) * share_of_b));
  };
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

double luminance(Colour colour) {
  const auto linear = [](std::uint8_t value) {
    const double v = value / 255.0;
    return v <= 0.03928 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) +
         0.0722 * linear(colour.blue);
}

// How much of each pixel the text covers.
struct TextMask {
  Size size;
  std::vector<std::uint8_t> coverage;  // [height, width], packed
};

struct FreeObject {
  void operator()(void* object) const { g_object_unref(object); }
};
struct FreeSurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct FreeCairo {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};
struct FreeFont {
  void operator()(PangoFontDescription* font) const { pango_font_description_free(font); }
};
using Cairo = std::unique_ptr<cairo_t, FreeCairo>;
using Surface = std::unique_ptr<cairo_surface_t, FreeSurface>;

Surface mask_surface(Size size) {
  return Surface(cairo_image_surface_create(CAIRO_FORMAT_A8, size.width, size.height));
}

// The pixels of a rectangle, clipped to the canvas, in one colour.
void fill(const Canvas& canvas, PixelRect rect, Colour colour) {
  rect = {std::max(rect.left, 0), std::max(rect.top, 0),
          std::min(rect.right, canvas.size.width), std::min(rect.bottom, canvas.size.height)};
  if (rect.width() <= 0 || rect.height() <= 0) return;
  if (canvas.format == PixelFormat::kBgr8) std::swap(colour.red, colour.blue);
  std::uint8_t* const first = canvas.data + rect.top * canvas.pitch_bytes + rect.left * 3;
  std::uint8_t* pixel = first;
  for (int x = rect.left; x < rect.right; ++x) {
    *pixel++ = colour.red;
    *pixel++ = colour.green;
    *pixel++ = colour.blue;
  }
  const auto bytes = static_cast<std::size_t>(rect.width()) * 3;
  for (int y = 1; y < rect.height(); ++y) {
    std::memcpy(first + y * canvas.pitch_bytes, first, bytes);
  }
}

// The frame between two rectangles.
void fill_frame(const Canvas& canvas, const PixelRect& outer, const PixelRect& inner,
                Colour colour) {
  fill(canvas, {outer.left, outer.top, outer.right, inner.top}, colour);
  fill(canvas, {outer.left, inner.bottom, outer.right, outer.bottom}, colour);
  fill(canvas, {outer.left, inner.top, inner.left, inner.bottom}, colour);
  fill(canvas, {inner.right, inner.top, outer.right, inner.bottom}, colour);
}

PixelRect grown(const PixelRect& rect, int by) {
  return {rect.left - by, rect.top - by, rect.right + by, rect.bottom + by};
}

// REQUIRES: the mask at (left, top) lies inside the canvas.
void blend_text(const Canvas& canvas, const TextMask& mask, int left, int top, Colour colour) {
  if (canvas.format == PixelFormat::kBgr8) std::swap(colour.red, colour.blue);
  const int ink[3] = {colour.red, colour.green, colour.blue};
  const std::uint8_t* coverage = mask.coverage.data();
  for (int y = 0; y < mask.size.height; ++y) {
    std::uint8_t* pixel = canvas.data + (top + y) * canvas.pitch_bytes + left * 3;
    for (int x = 0; x < mask.size.width; ++x, pixel += 3) {
      const int alpha = *coverage++;
      if (alpha == 0) continue;
      for (int c = 0; c < 3; ++c) {
        pixel[c] = static_cast<std::uint8_t>((pixel[c] * (255 - alpha) + ink[c] * alpha + 127) /
                                             255);
      }
    }
  }
}

}  // namespace

Colour class_colour(int class_id) {
  const auto index = static_cast<std::size_t>(std::max(class_id, 0));
  const Colour hue = kHues[index % kHues.size()];
  switch (index / kHues.size() % 3) {
    case 1: return mixed(hue, kWhite, 0.5);
    case 2: return mixed(hue, kBlack, 0.4);
    default: return hue;
  }
}

Colour text_colour(Colour background) {
  // Contrast is (lighter + 0.05) / (darker + 0.05); both are equal at a luminance of 0.179.
  const double light = luminance(background) + 0.05;
  return light / 0.05 >= 1.05 / light ? kBlack : kWhite;
}

int line_width(Size picture) {
  return std::max(1, static_cast<int>(std::lround((picture.width + picture.height) * 0.00147)));
}

int font_size(Size picture) {
  const double sides = picture.width + picture.height;
  return static_cast<int>(std::lround(std::max(std::min(12.0, 7 + sides / 100), sides * 0.0085)));
}

struct Annotator::State {
  std::vector<std::string> class_names;
  std::unique_ptr<PangoFontMap, FreeObject> fonts;
  std::unique_ptr<PangoLayout, FreeObject> layout;
  int font = 0;    // pixels; of the layout and of all masks
  int widest = 0;  // pixels; masks were made to fit into this
  std::unordered_map<std::string, TextMask> masks;
  std::size_t mask_bytes = 0;
  std::string text;
  std::vector<LabelRequest> requests;
  std::vector<const TextMask*> texts;
  std::vector<std::size_t> order;

  void prepare(Size picture);
  const TextMask& mask(const Detection& detection);
  TextMask render();
  void measure(const Canvas& canvas, Size source, const Detections& detections);
  void draw_boxes(const Canvas& canvas, const Detections& detections);
  void write_label(const Detection& detection, bool with_confidence);
  int padding() const { return std::max(1, font / 5); }
};

Annotator::Annotator(std::vector<std::string> class_names) : state_(std::make_unique<State>()) {
  // Pango asks for UTF-8.
  for (std::string& name : class_names) {
    std::string clean;
    for (std::string_view rest = name; !rest.empty();) {
      const std::size_t length = utf8_sequence(rest);
      clean += length == 0 ? std::string_view("\xEF\xBF\xBD") : rest.substr(0, length);
      rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
    name = std::move(clean);
  }
  state_->class_names = std::move(class_names);
}
Annotator::~Annotator() = default;
Annotator::Annotator(Annotator&&) noexcept = default;
Annotator& Annotator::operator=(Annotator&&) noexcept = default;

// Sets the font for this size of picture.
void Annotator::State::prepare(Size picture) {
  constexpr std::size_t kMaxMaskBytes = 32U << 20U;
  const int wanted = font_size(picture);
  if (layout && wanted == font && picture.width == widest && mask_bytes < kMaxMaskBytes) return;
  masks.clear();
  mask_bytes = 0;
  if (!layout) {
    // Not the thread's default map: that one, and what it found, would stay for ever.
    fonts.reset(pango_cairo_font_map_new());
    PangoContext* context = pango_font_map_create_context(fonts.get());
    const std::unique_ptr<PangoContext, FreeObject> owner(context);
    layout.reset(pango_layout_new(context));
    cairo_font_options_t* options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
    pango_cairo_context_set_font_options(context, options);
    cairo_font_options_destroy(options);
    pango_layout_set_single_paragraph_mode(layout.get(), 1);
  }
  font = wanted;
  widest = picture.width;
  const std::unique_ptr<PangoFontDescription, FreeFont> description(
      pango_font_description_from_string("DejaVu Sans, Noto Sans, Sans Semi-Bold"));
  pango_font_description_set_absolute_size(description.get(), font * double{PANGO_SCALE});
  pango_layout_set_font_description(layout.get(), description.get());
}

void Annotator::State::write_label(const Detection& detection, bool with_confidence) {
  text.clear();
  if (detection.track_id) {
    fmt::format_to(std::back_inserter(text), "#{} ",
                   static_cast<std::uint32_t>(*detection.track_id));
  }
  append_class_name(text, class_names, detection.class_id);
  if (with_confidence) {
    fmt::format_to(std::back_inserter(text), " {:.2f}", detection.confidence);
  }
}

// Too wide for the picture: first the confidence goes, then the name is cut with an ellipsis.
const TextMask& Annotator::State::mask(const Detection& detection) {
  write_label(detection, true);
  const auto found = masks.find(text);
  if (found != masks.end()) return found->second;
  const std::string key = text;
  const int room = widest - 2 * padding();
  const auto set = [&](int width) {
    pango_layout_set_width(layout.get(), width);
    pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
    pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
    int wide = 0;
    pango_layout_get_pixel_size(layout.get(), &wide, nullptr);
    return wide <= room;
  };
  if (!set(-1)) {
    write_label(detection, false);
    if (!set(-1)) set(std::max(0, room) * PANGO_SCALE);
  }
  TextMask mask = render();
  mask_bytes += mask.coverage.size() + key.size();
  return masks.emplace(key, std::move(mask)).first->second;
}

// What the layout holds, as a mask with its padding.
TextMask Annotator::State::render() {
  PangoRectangle ink;
  PangoRectangle logical;
  pango_layout_get_pixel_extents(layout.get(), &ink, &logical);
  // Ink may reach beyond the logical box (stacked accents, italics): the plate holds both.
  const int left = std::min(ink.x, logical.x);
  const int top = std::min(ink.y, logical.y);
  const int right = std::max(ink.x + ink.width, logical.x + logical.width);
  const int bottom = std::max(ink.y + ink.height, logical.y + logical.height);
  TextMask mask;
  mask.size = {right - left + 2 * padding(), bottom - top + std::max(1, padding() / 2)};
  const Surface surface = mask_surface(mask.size);
  const Cairo cairo(cairo_create(surface.get()));
  cairo_move_to(cairo.get(), padding() - left, std::max(1, padding() / 2) / 2 - top);
  pango_cairo_show_layout(cairo.get(), layout.get());
  cairo_surface_flush(surface.get());
  const std::uint8_t* rows = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  const auto width = static_cast<std::size_t>(mask.size.width);
  mask.coverage.resize(width * static_cast<std::size_t>(mask.size.height));
  if (rows == nullptr) return mask;  // Cairo is out of memory: an empty plate
  for (int y = 0; y < mask.size.height; ++y) {
    std::memcpy(mask.coverage.data() + static_cast<std::size_t>(y) * width, rows + y * stride,
                width);
  }
  return mask;
}

// Boxes in pixels of the canvas, lines included, and the labels' sizes.
void Annotator::State::measure(const Canvas& canvas, Size source, const Detections& detections) {
  const int line = line_width(canvas.size);
  const float x_scale = static_cast<float>(canvas.size.width) / static_cast<float>(source.width);
  const float y_scale = static_cast<float>(canvas.size.height) / static_cast<float>(source.height);
  // The line is centred on the edge; at the picture's border it moves inside, so that a box that
  // fills the picture is seen.
  const auto edge = [line](float at, float scale, int limit) {
    const int first = static_cast<int>(std::lround(at * scale)) - line / 2;
    return std::clamp(first, 0, std::max(0, limit - line));
  };
  requests.clear();
  texts.clear();
  for (const Detection& detection : detections.items) {
    const PixelRect box = {edge(detection.box.x1, x_scale, canvas.size.width),
                           edge(detection.box.y1, y_scale, canvas.size.height),
                           edge(detection.box.x2, x_scale, canvas.size.width) + line,
                           edge(detection.box.y2, y_scale, canvas.size.height) + line};
    const TextMask& text_mask = mask(detection);
    requests.push_back({box, text_mask.size});
    texts.push_back(&text_mask);
  }
}

// Large boxes first, so that small ones lie on top; of equals the most confident last.
void Annotator::State::draw_boxes(const Canvas& canvas, const Detections& detections) {
  const auto area = [this](std::size_t i) {
    const PixelRect& box = requests[i].box;
    return static_cast<std::int64_t>(box.width()) * box.height();
  };
  order.resize(requests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return area(a) != area(b) ? area(a) > area(b) : a > b;
  });
  const int line = line_width(canvas.size);
  for (const std::size_t i : order) {
    const PixelRect& box = requests[i].box;
    const Colour colour = class_colour(detections.items[i].class_id);
    const PixelRect inner = grown(box, -line);
    // A thin seam of the text's colour keeps the line visible on a ground of its own colour.
    const int seam = line >= 2 ? std::max(1, line / 4) : 0;
    const PixelRect open = grown(inner, -seam);
    if (inner.width() <= 0 || inner.height() <= 0) {
      fill(canvas, box, colour);
      continue;
    }
    if (seam > 0 && open.width() > 0 && open.height() > 0) {
      fill_frame(canvas, inner, open, text_colour(colour));
    }
    fill_frame(canvas, box, inner, colour);
  }
}

void Annotator::draw(const Canvas& canvas, Size source, const Detections& detections) {
  if (detections.items.empty() || canvas.size.width <= 0 || canvas.size.height <= 0) return;
  State& state = *state_;
  state.prepare(canvas.size);
  state.measure(canvas, source, detections);
  state.draw_boxes(canvas, detections);
  const auto places = place_labels(canvas.size, state.requests);
  // Backwards: where labels touch, the more confident one lies on top.
  for (std::size_t i = places.size(); i-- > 0;) {
    if (!places[i]) continue;
    const Colour plate = class_colour(detections.items[i].class_id);
    fill(canvas, *places[i], plate);
    blend_text(canvas, *state.texts[i], places[i]->left, places[i]->top, text_colour(plate));
  }
}

}  // namespace shoal
