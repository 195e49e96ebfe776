// Procedural circuit boards with known defects: still pictures and a conveyor line of them.
// Everything is integer arithmetic from one 64-bit seed, so that pictures and boxes are bit-equal
// on every machine. Deliberately not here: files, pacing, frames of the pipeline (the synthetic
// source wraps this), and any use of the standard library's distributions, which are not portable.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace shoal {

// The six defects of DeepPCB, in its class order; the value is the class index of model `pcb`.
enum class DefectKind : std::uint8_t { kOpen, kShort, kMousebite, kSpur, kCopper, kPinHole };

inline constexpr std::array<std::string_view, 6> kDefectNames = {"open", "short",  "mousebite",
                                                                "spur", "copper", "pin-hole"};

// Half-open box in pixels: columns [x0, x1), rows [y0, y1).
struct PixelBox {
  int x0 = 0;
  int y0 = 0;
  int x1 = 0;
  int y1 = 0;

  [[nodiscard]] constexpr int width() const { return x1 - x0; }
  [[nodiscard]] constexpr int height() const { return y1 - y0; }
  friend constexpr bool operator==(const PixelBox&, const PixelBox&) = default;
};

struct BoardDefect {
  DefectKind kind = DefectKind::kOpen;
  PixelBox extent;  // exactly the pixels whose copper the defect changed
  PixelBox box;     // `extent` grown by 3/4 of a trace width on each side and clipped to the
                    // picture: the label, with the context that DeepPCB's labels have too
};

enum class BoardStyle : std::uint8_t {
  kColour,  // solder mask, bare pads, drilled holes, silkscreen, light and sensor noise
  kBinary,  // copper black on white with a slightly rough edge, like DeepPCB's pictures
};

enum class BoardMask : std::uint8_t { kFromSeed, kGreen, kBlue, kBlack, kRed };

struct BoardOptions {
  int width = 640;   // pixels, 1..16384
  int height = 640;  // pixels, 1..16384
  std::uint64_t seed = 1;
  BoardStyle style = BoardStyle::kColour;
  BoardMask mask = BoardMask::kFromSeed;  // colour of the solder mask; ignored by kBinary
  int defects = 6;     // planted at most; fewer where a small board has no room for more
  int trace_px = 0;    // width of a usual trace, 3..256; 0 chooses from size and seed (640: 11..13)
  bool whole = false;  // true: traces end before the edge, as on a whole board with mounting
                       // holes; false: a section of a larger board, traces run off the picture
};

// A rendered board. `rgb` is [height][width][3], R G B, rows packed.
struct BoardPicture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
  std::vector<BoardDefect> defects;
};

// Draws one board.
//
// Returns  a picture of exactly the asked size; values outside the ranges above are clamped into
//          them. Same options, same bytes, on every machine.
// Threads  pure function.
// Cost     about 25 ns a pixel; allocates some 10 bytes a pixel.
[[nodiscard]] BoardPicture draw_board(const BoardOptions& options);

struct LineOptions {
  int width = 1280;  // pixels, 16..16384
  int height = 720;  // pixels, 16..16384
  std::uint64_t seed = 1;
  int speed_px = 0;         // pixels a frame, right to left; 0 means width / 160, at least 1
  int defects_a_board = 4;  // each board has 0..this many, at most 16
};

// A defect that is in view. The box moves `speed_px` to the left from frame to frame and is cut at
// the picture's edge; a defect is in view while at least half of its whole box is.
struct LineDefect {
  DefectKind kind = DefectKind::kOpen;
  PixelBox box;
  std::int64_t track_id = 0;  // same defect, same id, in every frame; never used for another one
};

struct LineFrame {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;    // [height][width][3], R G B, rows packed
  std::vector<LineDefect> defects;  // left to right as the boards come, then by box
};

// Boards on a conveyor belt under a fixed camera, moving at constant speed, with ground truth.
//
// Eight different boards are drawn by the constructor (about 0.2 s for 1280x720) and come along in
// turn, each time at another height. Any frame can be asked for at any time, in any order.
// Threads  const functions may run on several threads at once.
class BoardLine {
 public:
  explicit BoardLine(const LineOptions& options);

  [[nodiscard]] int width() const { return options_.width; }
  [[nodiscard]] int height() const { return options_.height; }

  // Frame `index` (0 and up; negative indices show what came before) with its truth.
  [[nodiscard]] LineFrame frame(std::int64_t index) const;

  // The picture alone into `rgb`, which must hold width * height * 3 bytes (asserted by the
  // caller; a smaller span is left untouched and false comes back). Allocates nothing.
  [[nodiscard]] bool draw(std::int64_t index, std::span<std::uint8_t> rgb) const;

  // The truth alone: what `frame(index).defects` holds.
  [[nodiscard]] std::vector<LineDefect> truth(std::int64_t index) const;

 private:
  // A board with its rounded corners and shadow: RGBA over the belt. `solid` says per row which
  // columns are opaque, so that most of a row is one copy.
  struct Sprite {
    struct Run {
      int begin = 0;
      int end = 0;
    };
    int width = 0;
    int height = 0;
    int border = 0;  // the shadow's reach on each side; the board begins at (border, border)
    std::vector<std::uint8_t> rgb;
    std::vector<std::uint8_t> alpha;
    std::vector<Run> solid;
    std::vector<BoardDefect> defects;
  };
  struct Placed {
    const Sprite* sprite = nullptr;
    std::int64_t serial = 0;  // which board of the endless line
    int x = 0;                // of the sprite's left edge, in the frame
    int y = 0;
  };

  [[nodiscard]] static Sprite make_sprite(const BoardPicture& board, int unit);
  void make_belt();
  [[nodiscard]] std::int64_t first_serial(std::int64_t index) const;
  [[nodiscard]] Placed place(std::int64_t serial, std::int64_t index) const;
  void blit(const Placed& placed, std::span<std::uint8_t> rgb) const;

  LineOptions options_;
  int slot_px_ = 0;    // distance between boards
  int belt_px_ = 0;    // period of the belt's texture
  std::vector<std::uint8_t> belt_;   // [height][belt_px_][3]
  std::vector<std::uint8_t> noise_;  // sensor noise, reused at shifting offsets
  std::vector<Sprite> sprites_;
};

}  // namespace shoal
