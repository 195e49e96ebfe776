// Colours: turns the layers of a board into a picture. Layout, defects and the conveyor line are in
// the files beside this one.
#include "source/board.h"

#include <algorithm>
#include <cstddef>

#include "source/board_defects.h"
#include "source/board_layout.h"
#include "source/board_random.h"

namespace shoal {
namespace {

struct Rgb {
  int r = 0;
  int g = 0;
  int b = 0;
};

struct Palette {
  Rgb mask;       // solder mask over laminate
  Rgb trace;      // solder mask over copper
  Rgb metal;      // bare pads
  Rgb print;      // silkscreen
};

constexpr Rgb kGold = {214, 176, 96};
constexpr Rgb kTin = {190, 194, 196};
constexpr Rgb kLaminate = {150, 132, 86};
constexpr Rgb kDrill = {22, 21, 24};

Palette palette_of(BoardMask mask, BoardRandom& random) {
  const Rgb metal = random.chance(60) ? kGold : kTin;
  if (mask == BoardMask::kFromSeed) mask = static_cast<BoardMask>(random.between(1, 4));
  switch (mask) {
    case BoardMask::kBlue: return {{14, 40, 98}, {40, 96, 178}, metal, {232, 236, 240}};
    case BoardMask::kBlack: return {{24, 25, 29}, {92, 88, 82}, metal, {226, 226, 222}};
    case BoardMask::kRed: return {{104, 18, 22}, {190, 58, 46}, metal, {240, 232, 226}};
    case BoardMask::kGreen:
    case BoardMask::kFromSeed: break;
  }
  return {{12, 66, 42}, {46, 140, 80}, metal, {234, 238, 230}};
}

int mix(int a, int b, int cover) { return a + (b - a) * cover / 255; }
Rgb mix(Rgb a, Rgb b, int cover) {
  return {mix(a.r, b.r, cover), mix(a.g, b.g, cover), mix(a.b, b.b, cover)};
}
std::uint8_t clamp_u8(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

// Smooth noise of about -128..127: random values on a lattice of `cell` pixels, joined bilinearly.
int smooth_noise(std::uint64_t seed, int x, int y, int cell) {
  const int gx = x / cell;
  const int gy = y / cell;
  const int fx = (x % cell) * 256 / cell;
  const int fy = (y % cell) * 256 / cell;
  const auto lattice = [&](int i, int j) {
    const auto key = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(j)) << 32) |
                     static_cast<std::uint32_t>(i);
    return static_cast<int>(hash_of(seed, key) & 255) - 128;
  };
  const int top = lattice(gx, gy) * (256 - fx) + lattice(gx + 1, gy) * fx;
  const int bottom = lattice(gx, gy + 1) * (256 - fx) + lattice(gx + 1, gy + 1) * fx;
  return ((top / 256) * (256 - fy) + (bottom / 256) * fy) / 256;
}

// Light from the upper left: brighter there, with slow blotches. 256 = as is.
class Light {
 public:
  Light(int width, int height, std::uint64_t seed)
      : width_(width),
        height_(height),
        cell_(std::max(8, std::min(width, height) / 5)),
        seed_(seed) {}

  // Values for one row, interpolated between lattice points, into `row` (width of them).
  void fill(int y, std::vector<int>& row) const {
    for (int x = 0; x < width_; ++x) {
      const int slope = 22 - 44 * (x * height_ / 2 + y * width_) / (width_ * height_ * 3 / 2 + 1);
      row[static_cast<std::size_t>(x)] = 256 + slope + smooth_noise(seed_, x, y, cell_) * 14 / 128;
    }
  }

 private:
  int width_;
  int height_;
  int cell_;
  std::uint64_t seed_;
};

class Painter {
 public:
  Painter(const BoardLayers& layers, const Palette& palette, std::uint64_t seed)
      : layers_(layers), palette_(palette), seed_(seed) {}

  void paint(std::vector<std::uint8_t>& rgb) const {
    const int width = layers_.copper.width;
    const int height = layers_.copper.height;
    const Light light(width, height, hash_of(seed_, 1));
    std::vector<int> shine(static_cast<std::size_t>(width));
    std::uint8_t* out = rgb.data();
    for (int y = 0; y < height; ++y) {
      light.fill(y, shine);
      for (int x = 0; x < width; ++x, out += 3) {
        const Rgb colour = surface(x, y);
        const int factor = shine[static_cast<std::size_t>(x)];
        const std::uint64_t grain = hash_of(seed_, static_cast<std::uint64_t>(y) * 65536U +
                                                       static_cast<std::uint64_t>(x));
        const int noise = static_cast<int>((grain & 7) + ((grain >> 3) & 7)) - 7;  // -7..7, peaked
        out[0] = clamp_u8(colour.r * factor / 256 + noise / 2);
        out[1] = clamp_u8(colour.g * factor / 256 + noise / 2);
        out[2] = clamp_u8(colour.b * factor / 256 + noise / 2 + static_cast<int>((grain >> 6) & 1));
      }
    }
  }

 private:
  // How much a plane rises from the lower right to the upper left: light on one flank of a raised
  // shape, shade on the other.
  static int relief(const Plane& plane, int x, int y) {
    return plane.at(x + 1, y + 1) - plane.at(x - 1, y - 1);
  }

  Rgb surface(int x, int y) const {
    const int copper = layers_.copper.at(x, y);
    const int bare = layers_.bare.at(x, y);
    const int hole = layers_.hole.at(x, y);
    const int silk = layers_.silk.at(x, y);
    Rgb colour = mix(palette_.mask, palette_.trace, copper);
    const int weave = ((x / 3 + y / 3) % 2 == 0) ? 2 : 0;  // the glass cloth shines through
    int lift = relief(layers_.copper, x, y) * 26 / 255 + weave * (255 - copper) / 255;
    if (bare > 0) {
      const int sheen = smooth_noise(seed_ ^ 77, x, y, 24) * 14 / 128;
      const Rgb metal = {palette_.metal.r + sheen, palette_.metal.g + sheen,
                         palette_.metal.b + sheen};
      colour = mix(colour, mix(kLaminate, metal, copper), bare);
      lift += relief(layers_.copper, x, y) * 18 / 255;
    }
    colour = {colour.r + lift, colour.g + lift, colour.b + lift};
    if (silk > 0) colour = mix(colour, palette_.print, silk * 15 / 16);
    if (hole > 0) {
      const int rim = relief(layers_.hole, x, y) * 30 / 255;
      colour = mix(colour, {kDrill.r + rim, kDrill.g + rim, kDrill.b + rim}, hole);
    }
    return colour;
  }

  const BoardLayers& layers_;
  Palette palette_;
  std::uint64_t seed_;
};

// Copper black on white. The threshold wavers from pixel to pixel, which roughens slanted edges by
// a pixel as scanning and thresholding does.
void paint_binary(const Plane& copper, std::uint64_t seed, std::vector<std::uint8_t>& rgb) {
  std::size_t i = 0;
  for (int y = 0; y < copper.height; ++y) {
    for (int x = 0; x < copper.width; ++x, i += 3) {
      const int waver = smooth_noise(seed, x, y, 3) * 100 / 128;
      const bool black = copper.at(x, y) > 128 + std::clamp(waver, -100, 100);
      const std::uint8_t value = black ? 0 : 255;
      rgb[i] = value;
      rgb[i + 1] = value;
      rgb[i + 2] = value;
    }
  }
}

}  // namespace

BoardPicture draw_board(const BoardOptions& options) {
  BoardPicture picture;
  picture.width = std::clamp(options.width, 1, 16384);
  picture.height = std::clamp(options.height, 1, 16384);
  BoardRandom random(hash_of(options.seed, 0x626f617264));
  const int side = std::min(picture.width, picture.height);
  const int chosen = side * random.between(175, 215) / 10000;
  const int trace = options.trace_px > 0 ? options.trace_px : std::max(5, chosen);
  const int unit = std::clamp(trace, 3, 256) * kSub;
  const Palette palette = palette_of(options.mask, random);

  BoardLayers layers = lay_out_board({.width = picture.width,
                                      .height = picture.height,
                                      .unit = unit,
                                      .seed = random.bits(),
                                      .whole = options.whole});
  picture.defects = plant_defects(
      layers, {.count = std::max(0, options.defects),
               .unit = unit,
               .edge_px = options.whole ? unit * 3 / 2 / kSub : 0,
               .seed = random.bits()});

  picture.rgb.resize(layers.copper.data.size() * 3);
  if (options.style == BoardStyle::kBinary) {
    paint_binary(layers.copper, random.bits(), picture.rgb);
  } else {
    Painter(layers, palette, random.bits()).paint(picture.rgb);
  }
  return picture;
}

}  // namespace shoal
