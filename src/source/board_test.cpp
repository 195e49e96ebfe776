// Checks of the board generator against its own pictures: what a box says must be what the pixels
// show. The golden hashes at the end pin the bytes for all machines and compilers.
#include "source/board.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <vector>

namespace shoal {
namespace {

std::uint64_t fnv1a(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash;
}

int value(const BoardPicture& picture, int x, int y) {
  return picture.rgb[(static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) +
                      static_cast<std::size_t>(x)) *
                     3];
}

bool holds(const PixelBox& box, int x, int y) {
  return x >= box.x0 && x < box.x1 && y >= box.y0 && y < box.y1;
}

BoardPicture binary(std::uint64_t seed, int defects) {
  return draw_board({.seed = seed, .style = BoardStyle::kBinary, .defects = defects});
}

// Pixels of `value` reachable from the changed pixels of a defect within its box; true if none of
// them touches the box's border.
bool is_enclosed(const BoardPicture& with, const BoardPicture& without, const BoardDefect& defect,
                 int colour) {
  std::vector<std::pair<int, int>> open;
  std::set<std::pair<int, int>> seen;
  for (int y = defect.extent.y0; y < defect.extent.y1; ++y) {
    for (int x = defect.extent.x0; x < defect.extent.x1; ++x) {
      if (value(with, x, y) != value(without, x, y)) open.emplace_back(x, y);
    }
  }
  while (!open.empty()) {
    const auto [x, y] = open.back();
    open.pop_back();
    if (!seen.insert({x, y}).second) continue;
    if (x <= defect.box.x0 || x >= defect.box.x1 - 1 || y <= defect.box.y0 ||
        y >= defect.box.y1 - 1) {
      return false;
    }
    for (const auto& [dx, dy] : {std::pair{1, 0}, {-1, 0}, {0, 1}, {0, -1}}) {
      if (value(with, x + dx, y + dy) == colour) open.emplace_back(x + dx, y + dy);
    }
  }
  return true;
}

TEST(Board, TheSameOptionsGiveTheSameBytesAndOtherSeedsOthers) {
  const BoardPicture first = draw_board({.seed = 5});
  const BoardPicture again = draw_board({.seed = 5});
  EXPECT_EQ(first.rgb, again.rgb);
  EXPECT_NE(first.rgb, draw_board({.seed = 6}).rgb);
}

TEST(Board, ThePictureHasTheAskedSizeAtAnySize) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 7}, {16, 16}, {17, 900}, {1280, 720}}) {
    for (const BoardStyle style : {BoardStyle::kColour, BoardStyle::kBinary}) {
      for (const bool whole : {false, true}) {
        const BoardPicture picture = draw_board(
            {.width = width, .height = height, .seed = 3, .style = style, .whole = whole});
        EXPECT_EQ(picture.rgb.size(),
                  static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
      }
    }
  }
}

TEST(Board, AllSixKindsFitOnEachBoardOf640Pixels) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    std::set<DefectKind> kinds;
    for (const BoardDefect& defect : draw_board({.seed = seed}).defects) kinds.insert(defect.kind);
    EXPECT_GE(kinds.size(), 5U) << "seed " << seed;
  }
  EXPECT_TRUE(draw_board({.seed = 1, .defects = 0}).defects.empty());
}

TEST(Board, BoxesAreInsideThePictureHoldTheirExtentAndDoNotOverlap) {
  for (std::uint64_t seed = 20; seed < 30; ++seed) {
    const BoardPicture picture = draw_board({.width = 800, .seed = seed, .defects = 14});
    for (const BoardDefect& d : picture.defects) {
      EXPECT_GE(d.box.x0, 0);
      EXPECT_GE(d.box.y0, 0);
      EXPECT_LE(d.box.x1, picture.width);
      EXPECT_LE(d.box.y1, picture.height);
      EXPECT_LE(d.box.x0, d.extent.x0);
      EXPECT_LE(d.extent.y1, d.box.y1);
      for (const BoardDefect& other : picture.defects) {
        if (&d == &other) continue;
        EXPECT_FALSE(d.box.x0 < other.box.x1 && other.box.x0 < d.box.x1 &&
                     d.box.y0 < other.box.y1 && other.box.y0 < d.box.y1);
      }
    }
  }
}

// The same seed without defects is the same board: the difference is the defects and nothing else.
TEST(Board, TheExtentsAreExactlyWhatChangedInTheCopper) {
  for (std::uint64_t seed = 40; seed < 46; ++seed) {
    const BoardPicture with = binary(seed, 10);
    const BoardPicture without = binary(seed, 0);
    ASSERT_FALSE(with.defects.empty());
    std::vector<PixelBox> tight(with.defects.size(), {1 << 20, 1 << 20, 0, 0});
    for (int y = 0; y < with.height; ++y) {
      for (int x = 0; x < with.width; ++x) {
        if (value(with, x, y) == value(without, x, y)) continue;
        std::size_t hits = 0;
        for (std::size_t i = 0; i < with.defects.size(); ++i) {
          if (!holds(with.defects[i].extent, x, y)) continue;
          ++hits;
          PixelBox& t = tight[i];
          t = {std::min(t.x0, x), std::min(t.y0, y), std::max(t.x1, x + 1), std::max(t.y1, y + 1)};
        }
        EXPECT_EQ(hits, 1U) << "seed " << seed << " at " << x << ", " << y;
      }
    }
    // The rough threshold of binary pictures may hide the faintest pixel of a side.
    for (std::size_t i = 0; i < tight.size(); ++i) {
      const PixelBox& extent = with.defects[i].extent;
      EXPECT_LE(std::abs(tight[i].x0 - extent.x0), 2);
      EXPECT_LE(std::abs(tight[i].y0 - extent.y0), 2);
      EXPECT_LE(std::abs(tight[i].x1 - extent.x1), 2);
      EXPECT_LE(std::abs(tight[i].y1 - extent.y1), 2);
    }
  }
}

TEST(Board, ColourPicturesChangeInsideTheBoxesOnly) {
  const BoardPicture with = draw_board({.seed = 50, .defects = 8});
  const BoardPicture without = draw_board({.seed = 50, .defects = 0});
  std::vector<int> changed(with.defects.size(), 0);
  for (int y = 0; y < with.height; ++y) {
    for (int x = 0; x < with.width; ++x) {
      if (value(with, x, y) == value(without, x, y)) continue;
      bool inside = false;
      for (std::size_t i = 0; i < with.defects.size(); ++i) {
        if (!holds(with.defects[i].box, x, y)) continue;
        inside = true;
        ++changed[i];
      }
      EXPECT_TRUE(inside) << x << ", " << y;
    }
  }
  for (const int count : changed) EXPECT_GT(count, 8);
}

TEST(Board, EachKindLooksAsItsNameSays) {
  std::map<DefectKind, int> seen;
  for (std::uint64_t seed = 60; seed < 72; ++seed) {
    const BoardPicture with = binary(seed, 12);
    const BoardPicture without = binary(seed, 0);
    for (const BoardDefect& defect : with.defects) {
      ++seen[defect.kind];
      const bool removes = defect.kind == DefectKind::kOpen ||
                           defect.kind == DefectKind::kMousebite ||
                           defect.kind == DefectKind::kPinHole;
      const int colour = removes ? 255 : 0;  // of the changed pixels
      for (int y = defect.extent.y0; y < defect.extent.y1; ++y) {
        for (int x = defect.extent.x0; x < defect.extent.x1; ++x) {
          if (value(with, x, y) == value(without, x, y)) continue;
          EXPECT_EQ(value(with, x, y), colour);
        }
      }
      const bool island =
          defect.kind == DefectKind::kCopper || defect.kind == DefectKind::kPinHole;
      EXPECT_EQ(is_enclosed(with, without, defect, colour), island)
          << "seed " << seed << ", " << kDefectNames[static_cast<std::size_t>(defect.kind)]
          << " at " << defect.box.x0 << ", " << defect.box.y0;
    }
  }
  for (const DefectKind kind : {DefectKind::kOpen, DefectKind::kShort, DefectKind::kMousebite,
                                DefectKind::kSpur, DefectKind::kCopper, DefectKind::kPinHole}) {
    EXPECT_GE(seen[kind], 12) << kDefectNames[static_cast<std::size_t>(kind)];
  }
}

TEST(BoardLine, AnyFrameCanBeAskedForInAnyOrder) {
  const BoardLine line({.width = 320, .height = 180, .seed = 9});
  const BoardLine twin({.width = 320, .height = 180, .seed = 9});
  const LineFrame late = line.frame(900);
  static_cast<void>(line.frame(3));
  EXPECT_EQ(line.frame(900).rgb, late.rgb);
  EXPECT_EQ(twin.frame(900).rgb, late.rgb);
  EXPECT_NE(line.frame(901).rgb, late.rgb);
  EXPECT_EQ(line.frame(-50).rgb.size(), late.rgb.size());
}

TEST(BoardLine, ABufferThatIsTooSmallIsRefused) {
  const BoardLine line({.width = 64, .height = 48, .seed = 9});
  std::vector<std::uint8_t> small(64 * 48 * 3 - 1, 7);
  EXPECT_FALSE(line.draw(0, small));
  EXPECT_EQ(small[0], 7);
}

TEST(BoardLine, DefectsMoveAtTheBeltsSpeedAndKeepTheirIds) {
  const LineOptions options = {.width = 1280, .height = 720, .seed = 2, .speed_px = 7};
  const BoardLine line(options);
  std::map<std::int64_t, PixelBox> before;
  std::map<std::int64_t, DefectKind> kinds;
  int followed = 0;
  for (std::int64_t index = 0; index < 400; ++index) {
    std::map<std::int64_t, PixelBox> now;
    for (const LineDefect& defect : line.truth(index)) {
      EXPECT_TRUE(now.emplace(defect.track_id, defect.box).second) << "id twice in a frame";
      EXPECT_EQ(kinds.emplace(defect.track_id, defect.kind).first->second, defect.kind);
      EXPECT_GE(defect.box.x0, 0);
      EXPECT_LE(defect.box.x1, options.width);
      const auto was = before.find(defect.track_id);
      if (was == before.end()) continue;
      ++followed;
      EXPECT_EQ(defect.box.y0, was->second.y0);
      if (defect.box.x0 > 0) {
        EXPECT_EQ(defect.box.x0, was->second.x0 - 7);
      }
      if (was->second.x1 < options.width) {
        EXPECT_EQ(defect.box.x1, was->second.x1 - 7);
      }
    }
    before = std::move(now);
  }
  EXPECT_GT(followed, 400);
  EXPECT_GT(kinds.size(), 8U);
}

// What the truth says must be where the pixels are: the patch under a box moves with the box.
TEST(BoardLine, ThePixelsUnderABoxMoveWithIt) {
  const LineOptions options = {.width = 960, .height = 540, .seed = 4, .speed_px = 5};
  const BoardLine line(options);
  const LineFrame first = line.frame(100);
  const LineFrame later = line.frame(110);
  int compared = 0;
  for (const LineDefect& defect : first.defects) {
    if (defect.box.x0 < 60 || defect.box.x1 == options.width) continue;
    for (int y = defect.box.y0; y < defect.box.y1; ++y) {
      for (int x = defect.box.x0; x < defect.box.x1; ++x) {
        const auto pixel = [&](const LineFrame& frame, int column) {
          return int{frame.rgb[(static_cast<std::size_t>(y) * 960 +
                                static_cast<std::size_t>(column)) *
                               3]};
        };
        EXPECT_LE(std::abs(pixel(first, x) - pixel(later, x - 50)), 4);  // noise of both frames
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 500);
}

TEST(BoardLine, ALineWithoutDefectsHasNone) {
  const BoardLine line({.width = 320, .height = 180, .seed = 9, .defects_a_board = 0});
  for (std::int64_t index = 0; index < 200; index += 20) EXPECT_TRUE(line.truth(index).empty());
}

// If these change, every stored picture, benchmark and trained model that used the generator does.
TEST(BoardGolden, TheBytesAreTheSameOnEveryMachine) {
  EXPECT_EQ(fnv1a(draw_board({.width = 320, .height = 240, .seed = 1}).rgb),
            12413555812644655177ULL);
  EXPECT_EQ(fnv1a(binary(2, 6).rgb), 7294565390202256273ULL);
  EXPECT_EQ(fnv1a(BoardLine({.width = 320, .height = 180, .seed = 3}).frame(77).rgb),
            2578332009400673102ULL);
}

}  // namespace
}  // namespace shoal
