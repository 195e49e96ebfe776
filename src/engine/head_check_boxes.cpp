// Boxes against their grid, and against one another.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "engine/head_check_parts.h"

namespace shoal::head_check {
namespace {

constexpr double kOffGrid = 3.0;  // strides
constexpr std::string_view kBelieve = "boxes = \"xywh\"";  // it is as the decoder takes it

// How the four values of a box may be meant.
enum class Reading : std::uint8_t { kXywh, kXyxy, kLtwh };


struct Grid {
  std::span<const int> strides;  // in the order in which their cells follow one another
  std::size_t anchors = 1;
  Size network;
  bool interleaved = false;  // anchors of a cell side by side, not plane by plane
};

// Median distance of centres from their cells, in strides, over all pictures.
double grid_distance(Pictures pictures, const Grid& grid,
                     Reading reading, bool shares) {
  std::vector<double> distances;
  const double across = shares ? grid.network.width : 1;
  const double down = shares ? grid.network.height : 1;
  for (const std::vector<Cells>& parts : pictures) {
    const Cells& cells = parts.front();
    std::size_t cell = 0;
    for (const int stride : grid.strides) {
      const auto columns = static_cast<std::size_t>((grid.network.width + stride - 1) / stride);
      const auto rows = static_cast<std::size_t>((grid.network.height + stride - 1) / stride);
      const std::size_t of_level = columns * rows * grid.anchors;
      for (std::size_t i = 0; i < of_level && cell < cells.cells; ++i, ++cell) {
        const std::size_t place = grid.interleaved ? i / grid.anchors : i % (columns * rows);
        double x = cells.at(cell, 0);
        double y = cells.at(cell, 1);
        if (reading == Reading::kXyxy) {
          x = (x + cells.at(cell, 2)) / 2;
          y = (y + cells.at(cell, 3)) / 2;
        } else if (reading == Reading::kLtwh) {
          x += cells.at(cell, 2) / 2;
          y += cells.at(cell, 3) / 2;
        }
        const double distance =
            std::hypot(x * across / stride - (static_cast<double>(place % columns) + 0.5),
                       y * down / stride - (static_cast<double>(place / columns) + 0.5));
        if (std::isfinite(distance)) distances.push_back(distance);
      }
    }
  }
  if (distances.empty()) return 0;
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle;
}

// Share of cells for which `holds(x0, x1, x2, x3)`.
template <typename Holds>
double share_of(Pictures pictures, Holds&& holds) {
  std::size_t seen = 0;
  std::size_t count = 0;
  for (const std::vector<Cells>& parts : pictures) {
    for (const Cells& cells : parts) {
      for (std::size_t i = 0; i < cells.cells; ++i) {
        ++seen;
        count += holds(cells.at(i, 0), cells.at(i, 1), cells.at(i, 2), cells.at(i, 3)) ? 1 : 0;
      }
    }
  }
  return seen == 0 ? 0 : static_cast<double>(count) / static_cast<double>(seen);
}

std::string box_text(Pictures pictures) {
  const std::vector<Column> columns = columns_of(pictures, 0, 4);
  std::string text = "the four values run ";
  for (std::size_t i = 0; i < 4; ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", range_text(columns[i]));
  }
  return text;
}

std::string form_line(Reading reading, bool shares) {
  std::string line;
  if (reading == Reading::kXyxy) line = "boxes = \"xyxy\"";
  if (reading == Reading::kLtwh) line = "boxes = \"ltwh\"";
  if (shares) line += line.empty() ? "boxes_are_shares = true" : " and boxes_are_shares = true";
  return line;
}

std::string_view form_words(Reading reading, bool shares) {
  if (reading == Reading::kXyxy) {
    return shares ? "corners as shares of the picture" : "corners x1 y1 x2 y2";
  }
  if (reading == Reading::kLtwh) {
    return shares ? "a corner and a size as shares of the picture" : "left, top, width and height";
  }
  return "shares of the picture (0..1)";
}

bool corners_in_order(Pictures pictures) {
  const auto in_order = [](float a, float b, float c, float d) { return c > a && d > b; };
  return share_of(pictures, in_order) > 0.9;
}

// Another reading that puts the centres onto the grid; nullopt where none does.
std::optional<std::pair<Reading, bool>> better_reading(
    Pictures pictures, const Grid& grid, double distance) {
  constexpr double kNear = 1.0;
  std::optional<std::pair<Reading, bool>> best;
  double least = std::min(kNear * 1.5, distance / 2);
  for (const bool shares : {false, true}) {
    for (const Reading reading : {Reading::kXywh, Reading::kXyxy, Reading::kLtwh}) {
      if (reading == Reading::kXywh && !shares) continue;
      if (reading == Reading::kXyxy && !corners_in_order(pictures)) continue;
      const double there = grid_distance(pictures, grid, reading, shares);
      if (there >= least) continue;
      least = there;
      best = {reading, shares};
    }
  }
  return best;
}

// Decoded boxes need no grid, so that any order of it is right.
bool fits_another_order(Pictures pictures, Grid grid) {
  std::vector<int> strides(grid.strides.begin(), grid.strides.end());
  std::sort(strides.begin(), strides.end());
  grid.strides = strides;
  do {
    for (const bool interleaved : {false, true}) {
      grid.interleaved = interleaved;
      if (grid_distance(pictures, grid, Reading::kXywh, false) < kOffGrid) return true;
    }
  } while (std::next_permutation(strides.begin(), strides.end()));
  return false;
}

void check_sizes(Findings& findings, Pictures pictures, const Grid& grid,
                 bool told) {
  const float most = 4.0F * static_cast<float>(std::max(grid.network.width, grid.network.height));
  const double usable = share_of(pictures, [most](float, float, float w, float h) {
    return w >= 0 && h >= 0 && w < most && h < most;
  });
  const double tiny = share_of(
      pictures, [](float, float, float w, float h) { return std::max(w, h) < 1.5F; });
  if (usable < 0.5) {
    findings.add(fmt::format("{:.0f} % of all boxes have sizes that are negative or beyond the "
                             "picture: {}", 100 * (1 - usable), box_text(pictures)),
                 std::string(kBelieve), "export it with decoded boxes in pixels", told);
  } else if (tiny > 0.98) {
    findings.add(fmt::format("all boxes are smaller than 1.5 pixels, while their centres are "
                             "pixels: {}", box_text(pictures)),
                 std::string(kBelieve), "export it with sizes in pixels", told);
  }
}

// Rows of x1 y1 x2 y2 score class; empty ones are padding.
struct RankedFacts {
  std::size_t rows = 0, ordered = 0, within_one = 0, sized = 0, whole_last = 0, whole_fourth = 0;
  float class_max = 0;
  Column score, last;
};

RankedFacts ranked_facts(Pictures pictures) {
  RankedFacts facts;
  std::size_t ignored = 0;
  const auto whole = [](float v) { return v >= 0 && v == std::floor(v); };
  for (const std::vector<Cells>& parts : pictures) {
    const Cells& cells = parts.front();
    for (std::size_t i = 0; i < cells.cells; ++i) {
      std::array<float, 6> v{};
      for (std::size_t k = 0; k < 6; ++k) v[k] = cells.at(i, k);
      const bool usable = std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); });
      if (!usable || (v[0] == 0 && v[1] == 0 && v[2] == 0 && v[3] == 0) || v[5] == -1) continue;
      ++facts.rows;
      facts.ordered += v[2] >= v[0] && v[3] >= v[1] ? 1 : 0;
      facts.sized += v[2] >= 0 && v[3] >= 0 ? 1 : 0;
      facts.within_one += std::all_of(v.begin(), v.begin() + 4,
                                      [](float x) { return x > -0.5F && x < 1.5F; }) ? 1 : 0;
      facts.whole_last += whole(v[5]) ? 1 : 0;
      facts.whole_fourth += whole(v[4]) ? 1 : 0;
      facts.class_max = std::max(facts.class_max, v[5]);
      facts.score.add(v[4], ignored);
      facts.last.add(v[5], ignored);
    }
  }
  return facts;
}

}  // namespace

// Boxes that the graph decodes itself.
void check_decoded(Findings& findings, Pictures pictures,
                   const HeadDescription& head, Size network, const HeadClaims& claims) {
  std::size_t cells = 0;
  for (const int stride : head.strides) {
    cells += static_cast<std::size_t>((network.width + stride - 1) / stride) *
             static_cast<std::size_t>((network.height + stride - 1) / stride);
  }
  const std::size_t rows = pictures.front().front().cells;
  if (cells == 0 || rows % cells != 0) return;
  const Grid grid{head.strides, rows / cells, network};
  const double distance = grid_distance(pictures, grid, Reading::kXywh, false);
  constexpr double kSure = 0.75;
  if (distance > kSure) {
    if (const auto better = better_reading(pictures, grid, distance)) {
      const auto [reading, shares] = *better;
      findings.add(fmt::format("boxes are {}, not centre and size in pixels: {}",
                               form_words(reading, shares), box_text(pictures)),
                   form_line(reading, shares), "", claims.boxes);
      return;
    }
  }
  if (distance >= kOffGrid && !fits_another_order(pictures, grid)) {
    findings.add(fmt::format("half of all boxes lie more than {:.1f} strides off their cells: {}; "
                             "they are not decoded, or something else than centre and size",
                             distance, box_text(pictures)),
                 std::string(kBelieve), "export it with decoded boxes in pixels", claims.boxes);
    return;
  }
  check_sizes(findings, pictures, grid, claims.boxes);
}

// YOLOX before decoding: offsets in cells, logarithms of sizes.
void check_offsets(Findings& findings, Pictures pictures,
                   const HeadDescription& head, Size network, const HeadClaims& claims) {
  const double wide = share_of(pictures, [](float x, float y, float w, float h) {
    return std::abs(x) > 8 || std::abs(y) > 8 || std::abs(w) > 10 || std::abs(h) > 10;
  });
  if (wide < 0.5) return;
  const Grid grid{head.strides, 1, network};
  const bool decoded = grid_distance(pictures, grid, Reading::kXywh, false) < kOffGrid;
  findings.add(fmt::format("{} of undecoded boxes, offsets in cells and logarithms of sizes: {}",
                           decoded ? "boxes are decoded already, instead" : "values are not those",
                           box_text(pictures)),
               decoded ? "family = \"yolox_decoded\"" : "",
               decoded ? "" : "say what kind of network it is with family = \"...\"",
               claims.family);
}

void check_distances(Findings& findings, Pictures pictures,
                     const HeadDescription& head, Size network, const HeadClaims& claims) {
  const float side = static_cast<float>(std::max(network.width, network.height));
  const double negative = share_of(pictures, [](float l, float t, float r, float b) {
    return l + r < 0 && t + b < 0;
  });
  double beyond = 0;
  for (std::size_t level = 0; level < head.levels.size(); ++level) {
    std::vector<std::vector<Cells>> of_level;
    for (const std::vector<Cells>& parts : pictures) of_level.push_back({parts[level]});
    const float most = 2 * side / static_cast<float>(head.levels[level].stride);
    beyond = std::max(beyond, share_of(of_level, [most](float l, float t, float r, float b) {
                        return l + r > most || t + b > most;
                      }));
  }
  if (beyond < 0.5 && negative < 0.9) return;
  findings.add(fmt::format("distances from a cell to the box's sides are {}: {}; expected in "
                           "strides",
                           beyond >= 0.5 ? "wider than the picture, perhaps pixels" : "negative",
                           box_text(pictures)),
               "", "export it with distances in strides", claims.boxes);
}

void check_ranked(Findings& findings, Pictures pictures,
                  const HeadDescription& head, const HeadClaims& claims) {
  const RankedFacts facts = ranked_facts(pictures);
  constexpr std::size_t kFew = 4;
  if (facts.rows < kFew) return;
  const auto most = [&](std::size_t count) { return count * 10 >= facts.rows * 9; };
  if (!most(facts.whole_last)) {
    const bool swapped = most(facts.whole_fourth) && is_probability(facts.last);
    findings.add(fmt::format("the last value of a row, taken for the class, runs {} and is no "
                             "whole number{}", range_text(facts.last),
                             swapped ? "; the class stands before the score" : ""),
                 "", "export it with rows of x1 y1 x2 y2 score class", !swapped);
    return;
  }
  if (facts.class_max >= static_cast<float>(head.class_count)) {
    findings.add(fmt::format("a row has class {:.0f}, but {} classes are known, 0 to {}",
                             facts.class_max, head.class_count, head.class_count - 1),
                 "", "give as many names as the network has classes, in the sidecar or the export",
                 claims.classes);
  }
  if (!is_probability(facts.score) && !head.scores_are_logits) {
    findings.add(fmt::format("scores run {}; probabilities lie in 0..1", range_text(facts.score)),
                 is_logit(facts.score) ? std::string(kSetLogits) : "",
                 is_logit(facts.score) ? "" : "export it with rows of x1 y1 x2 y2 score class",
                 claims.scores);
  }
  if (most(facts.within_one)) {
    findings.add(fmt::format("boxes are shares of the picture (0..1), not pixels: {}",
                             box_text(pictures)),
                 most(facts.ordered) ? "boxes_are_shares = true"
                                     : "boxes = \"xywh\" and boxes_are_shares = true",
                 "", claims.boxes);
  } else if (!most(facts.ordered)) {
    findings.add(fmt::format("{} of {} boxes end before they begin, so they are no two corners: {}",
                             facts.rows - facts.ordered, facts.rows, box_text(pictures)),
                 most(facts.sized) ? "boxes = \"xywh\" (centre, size) or \"ltwh\" (corner, size)"
                                   : "",
                 most(facts.sized) ? "" : "export it with corners in pixels", claims.boxes);
  }
}

}  // namespace shoal::head_check
