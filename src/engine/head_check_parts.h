// What the files of head_check share. Private to them.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/head_check.h"

namespace shoal::head_check {

// Rows or columns of one output: values of cells.
struct Cells {
  const float* data = nullptr;
  std::size_t cells = 0, cell_step = 0, value_step = 0;
  [[nodiscard]] float at(std::size_t cell, std::size_t value) const {
    return data[cell * cell_step + value * value_step];
  }
};

// What one value of a cell is over all cells of all pictures.
struct Column {
  float low = std::numeric_limits<float>::infinity();
  float high = -std::numeric_limits<float>::infinity();
  double often = 1;  // share of cells above a quarter, in the picture where it is least
  std::size_t finite = 0;
  std::size_t seen = 0;

  void add(float value, std::size_t& above) {
    ++seen;
    if (!std::isfinite(value)) return;
    ++finite;
    low = std::min(low, value);
    high = std::max(high, value);
    above += value > 0.25F ? 1 : 0;
  }
};

// Cells of all pictures: [picture][part], a part being an output or a stride.
using Pictures = std::span<const std::vector<Cells>>;

// Columns first .. first+count-1.
[[nodiscard]] std::vector<Column> columns_of(Pictures pictures, std::size_t first,
                                             std::size_t count);

// Within 0..1, but for rounding.
[[nodiscard]] bool is_probability(const Column& column);

// Background is far below 0 in every class; nothing is beyond what a sigmoid can still tell apart.
[[nodiscard]] bool is_logit(const Column& column);

// "from -14.2 to 8.1"
[[nodiscard]] std::string range_text(const Column& column);

class Findings {
 public:
  void add(std::string what, std::string line, std::string advice, bool told) {
    found_.push_back({std::move(what), std::move(line), std::move(advice), !told});
  }
  std::vector<Contradiction> take() { return std::move(found_); }

 private:
  std::vector<Contradiction> found_;
};

constexpr std::string_view kSetLogits = "scores_are_logits = true";

// Boxes that the graph decodes itself.
void check_decoded(Findings& findings, Pictures pictures, const HeadDescription& head, Size network,
                   const HeadClaims& claims);
// YOLOX before decoding: offsets in cells, logarithms of sizes.
void check_offsets(Findings& findings, Pictures pictures, const HeadDescription& head, Size network,
                   const HeadClaims& claims);
// GFL's distances to the four sides, in strides.
void check_distances(Findings& findings, Pictures pictures, const HeadDescription& head,
                     Size network, const HeadClaims& claims);
// Rows of x1 y1 x2 y2 score class.
void check_ranked(Findings& findings, Pictures pictures, const HeadDescription& head,
                  const HeadClaims& claims);

}  // namespace shoal::head_check
