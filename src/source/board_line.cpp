// The conveyor line: boards are drawn once and copied into each frame where the belt has carried
// them. Which board comes when is a hash of the seed and its number, so any frame is reachable.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "source/board.h"
#include "source/board_canvas.h"
#include "source/board_random.h"

namespace shoal {
namespace {

constexpr int kBoards = 8;          // different boards of a line
// The noise table holds 0..4 for -2..2, and belt and boards are stored 2 below their value and at
// most 251: a sum then never carries from one byte into the next, so eight are added at once.
constexpr int kNoiseBias = 2;
constexpr int kStoredMax = 251;
constexpr int kNoiseLength = 65536;
constexpr std::int64_t kIdsPerBoard = 16;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return a % b < 0 ? q - 1 : q;
}
int floor_modulo(std::int64_t a, int b) {
  return static_cast<int>(a - floor_divide(a, b) * b);
}
std::uint8_t stored(int value) {
  return static_cast<std::uint8_t>(std::clamp(value - kNoiseBias, 0, kStoredMax));
}
void add_noise(std::uint8_t* row, const std::uint8_t* noise, std::size_t count) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    std::uint64_t value = 0;
    std::uint64_t extra = 0;
    std::memcpy(&value, row + i, 8);
    std::memcpy(&extra, noise + i, 8);
    value += extra;
    std::memcpy(row + i, &value, 8);
  }
  for (; i < count; ++i) row[i] = static_cast<std::uint8_t>(row[i] + noise[i]);
}
std::size_t bytes(int count) { return static_cast<std::size_t>(count) * 3; }
std::size_t at(int width, int x, int y) {
  return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
          static_cast<std::size_t>(x));
}

}  // namespace

BoardLine::BoardLine(const LineOptions& options) : options_(options) {
  options_.width = std::clamp(options.width, 16, 16384);
  options_.height = std::clamp(options.height, 16, 16384);
  options_.speed_px = options.speed_px > 0 ? options.speed_px : std::max(1, options_.width / 160);
  options_.defects_a_board = std::clamp(options.defects_a_board, 0, int{kIdsPerBoard});

  BoardRandom random(hash_of(options_.seed, 0x6c696e65));
  const int trace = std::max(3, options_.height / 52);
  int widest = 0;
  for (int i = 0; i < kBoards; ++i) {
    const int height = std::max(8, options_.height * random.between(72, 84) / 100);
    const int width = std::max(8, height * random.between(75, 115) / 100);
    widest = std::max(widest, width);
    const BoardPicture board =
        draw_board({.width = width,
                    .height = height,
                    .seed = random.bits(),
                    .mask = static_cast<BoardMask>(1 + i % 4),
                    .defects = random.between(std::min(1, options_.defects_a_board),
                                              options_.defects_a_board),
                    .trace_px = trace,
                    .whole = true});
    sprites_.push_back(make_sprite(board, trace));
  }
  slot_px_ = widest + std::max(4, options_.width / 24);
  make_belt();
}

// Rounds the corners and adds a soft shadow, which falls a little to the lower right.
BoardLine::Sprite BoardLine::make_sprite(const BoardPicture& board, int unit) {
  Sprite sprite;
  sprite.border = std::max(2, unit);
  sprite.width = board.width + 2 * sprite.border;
  sprite.height = board.height + 2 * sprite.border;
  sprite.defects = board.defects;
  Plane body(sprite.width, sprite.height);
  const Point centre = {sprite.width * kSub / 2, sprite.height * kSub / 2};
  const Panel outline = {.centre = centre,
                         .half_width = board.width * kSub / 2,
                         .half_height = board.height * kSub / 2,
                         .corner = unit * 2 * kSub};
  draw_panel(body, outline, Ink::kAdd);
  const int soft = sprite.border * kSub;
  sprite.rgb.assign(body.data.size() * 3, 0);
  sprite.alpha.assign(body.data.size(), 0);
  for (int y = 0; y < sprite.height; ++y) {
    Sprite::Run run = {sprite.width, 0};
    for (int x = 0; x < sprite.width; ++x) {
      const std::size_t i = at(sprite.width, x, y);
      const int cover = body.data[i];
      // Distance outside of the shifted outline, falling off over the border.
      const Point off = Point{x * kSub - soft / 3, y * kSub - soft / 3} - centre;
      const std::int64_t dx = std::max(0, std::abs(off.x) - outline.half_width + soft / 2);
      const std::int64_t dy = std::max(0, std::abs(off.y) - outline.half_height + soft / 2);
      const int away = std::min(soft, integer_root(dx * dx + dy * dy));
      const int shade = 150 * (soft - away) / soft;
      sprite.alpha[i] = static_cast<std::uint8_t>(cover + shade * (255 - cover) / 255);
      if (cover == 0) continue;
      const int bx = std::clamp(x - sprite.border, 0, board.width - 1);
      const int by = std::clamp(y - sprite.border, 0, board.height - 1);
      for (std::size_t c = 0; c < 3; ++c) {
        sprite.rgb[i * 3 + c] = stored(board.rgb[at(board.width, bx, by) * 3 + c]);
      }
      if (cover == 255) run = {std::min(run.begin, x), x + 1};
    }
    if (run.begin >= run.end) run = {0, 0};
    sprite.solid.push_back(run);
  }
  return sprite;
}

// Dark rubber with fine grain, ribs across and two rails along the edges.
void BoardLine::make_belt() {
  const int height = options_.height;
  const int rib = std::max(4, height / 18);
  belt_px_ = rib * 16;
  belt_.resize(at(belt_px_, 0, height) * 3);
  const int rail = std::max(2, height / 20);
  for (int y = 0; y < height; ++y) {
    const int from_edge = std::min(y, height - 1 - y);
    for (int x = 0; x < belt_px_; ++x) {
      const auto grain = static_cast<int>(
          hash_of(options_.seed, at(belt_px_, x, y)) & 7);
      int level = 46 + grain - 3;
      if (x % rib < std::max(1, rib / 10)) level -= 12;
      if (x % rib == std::max(1, rib / 10)) level += 8;
      // The lamp over the middle of the belt.
      level += 10 - 20 * std::abs(2 * y - height) / (2 * height);
      std::uint8_t* pixel = &belt_[at(belt_px_, x, y) * 3];
      pixel[0] = stored(level);
      pixel[1] = stored(level + 1);
      pixel[2] = stored(level + 5);
      if (from_edge >= rail) continue;
      // Rails of brushed steel; the same in every column, so they seem to stand still.
      const int steel = 120 + 50 * std::min(from_edge, rail - from_edge) / rail +
                        static_cast<int>(hash_of(options_.seed ^ 5, at(1, 0, y)) & 15);
      pixel[0] = pixel[1] = stored(steel);
      pixel[2] = stored(steel + 6);
    }
  }
  noise_.resize(kNoiseLength + bytes(options_.width));
  for (std::size_t i = 0; i < noise_.size(); ++i) {
    const std::uint64_t h = hash_of(options_.seed ^ 9, i % kNoiseLength);
    noise_[i] = static_cast<std::uint8_t>((h % 3) + ((h >> 8) % 3));
  }
}

// The first board whose slot may reach into frame `index`.
std::int64_t BoardLine::first_serial(std::int64_t index) const {
  return floor_divide(index * options_.speed_px - options_.width, slot_px_) - 1;
}

BoardLine::Placed BoardLine::place(std::int64_t serial, std::int64_t index) const {
  const std::uint64_t h = hash_of(options_.seed, static_cast<std::uint64_t>(serial) ^ 0x5f5f);
  const auto turn = floor_modulo(serial + static_cast<int>(options_.seed % kBoards), kBoards);
  const Sprite& sprite = sprites_[static_cast<std::size_t>(turn)];
  // Board 0 stands at the left in frame 0; later ones follow from the right.
  const std::int64_t x = serial * slot_px_ - index * options_.speed_px +
                         options_.width / 16 - sprite.border;
  const int free_px = options_.height - sprite.height;
  const int rail = std::max(2, options_.height / 20);
  const int wander = std::max(0, free_px / 2 - rail);
  const auto heights = static_cast<std::uint64_t>(2 * wander + 1);
  const int shift = static_cast<int>((h >> 32) % heights) - wander;
  return {&sprite, serial, static_cast<int>(std::clamp<std::int64_t>(x, -100000, 100000)),
          free_px / 2 + shift};
}

bool BoardLine::draw(std::int64_t index, std::span<std::uint8_t> rgb) const {
  const std::size_t pitch = bytes(options_.width);
  if (rgb.size() < pitch * static_cast<std::size_t>(options_.height)) return false;
  const int offset = floor_modulo(index * options_.speed_px, belt_px_);
  for (int y = 0; y < options_.height; ++y) {
    std::uint8_t* row = rgb.data() + static_cast<std::size_t>(y) * pitch;
    int from = offset;
    for (int x = 0; x < options_.width;) {
      const int count = std::min(belt_px_ - from, options_.width - x);
      std::memcpy(row + bytes(x), &belt_[at(belt_px_, from, y) * 3], bytes(count));
      x += count;
      from = 0;
    }
  }
  const std::int64_t first = first_serial(index);
  for (std::int64_t serial = first;; ++serial) {
    const Placed placed = place(serial, index);
    if (placed.x >= options_.width) break;
    if (placed.x + placed.sprite->width > 0) blit(placed, rgb);
  }
  for (int y = 0; y < options_.height; ++y) {
    std::uint8_t* row = rgb.data() + static_cast<std::size_t>(y) * pitch;
    const std::uint64_t h = hash_of(static_cast<std::uint64_t>(index), at(1, 0, y));
    const std::uint8_t* noise = &noise_[static_cast<std::size_t>(h % kNoiseLength)];
    add_noise(row, noise, pitch);
  }
  return true;
}

void BoardLine::blit(const Placed& placed, std::span<std::uint8_t> rgb) const {
  const Sprite& sprite = *placed.sprite;
  const int y0 = std::max(0, -placed.y);
  const int y1 = std::min(sprite.height, options_.height - placed.y);
  const int x0 = std::max(0, -placed.x);
  const int x1 = std::min(sprite.width, options_.width - placed.x);
  for (int y = y0; y < y1; ++y) {
    const std::size_t source = at(sprite.width, 0, y);
    std::uint8_t* row = rgb.data() + at(options_.width, 0, y + placed.y) * 3;
    const auto blend = [&](int begin, int end) {
      for (int x = std::max(begin, x0); x < std::min(end, x1); ++x) {
        const int alpha = sprite.alpha[source + static_cast<std::size_t>(x)];
        const std::uint8_t* from = &sprite.rgb[(source + static_cast<std::size_t>(x)) * 3];
        std::uint8_t* to = row + bytes(x + placed.x);
        for (int c = 0; c < 3; ++c) {
          to[c] = static_cast<std::uint8_t>((to[c] * (255 - alpha) + from[c] * alpha + 127) / 255);
        }
      }
    };
    const Sprite::Run run = sprite.solid[static_cast<std::size_t>(y)];
    const int begin = std::max(run.begin, x0);
    const int end = std::min(run.end, x1);
    blend(0, run.begin);
    if (begin < end) {
      std::memcpy(row + bytes(begin + placed.x),
                  &sprite.rgb[(source + static_cast<std::size_t>(begin)) * 3], bytes(end - begin));
    }
    blend(run.end, sprite.width);
  }
}

std::vector<LineDefect> BoardLine::truth(std::int64_t index) const {
  std::vector<LineDefect> result;
  for (std::int64_t serial = first_serial(index);; ++serial) {
    const Placed placed = place(serial, index);
    if (placed.x >= options_.width) break;
    const int left = placed.x + placed.sprite->border;
    const int top = placed.y + placed.sprite->border;
    std::int64_t number = 0;
    for (const BoardDefect& defect : placed.sprite->defects) {
      const std::int64_t id = serial * kIdsPerBoard + number++;
      const PixelBox box = {.x0 = std::max(0, defect.box.x0 + left),
                            .y0 = std::max(0, defect.box.y0 + top),
                            .x1 = std::min(options_.width, defect.box.x1 + left),
                            .y1 = std::min(options_.height, defect.box.y1 + top)};
      if (box.width() <= 0 || box.height() <= 0) continue;
      const std::int64_t shown = static_cast<std::int64_t>(box.width()) * box.height();
      const std::int64_t all = static_cast<std::int64_t>(defect.box.width()) * defect.box.height();
      if (shown * 2 < all) continue;
      result.push_back({defect.kind, box, id});
    }
  }
  return result;
}

LineFrame BoardLine::frame(std::int64_t index) const {
  LineFrame frame;
  frame.width = options_.width;
  frame.height = options_.height;
  frame.rgb.resize(bytes(options_.width) * static_cast<std::size_t>(options_.height));
  static_cast<void>(draw(index, frame.rgb));
  frame.defects = truth(index);
  return frame;
}

}  // namespace shoal
