// One pass over the scores, a few over the boxes; medians, so that single odd cells do not matter.
#include "engine/head_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/head_check_parts.h"

namespace shoal {
namespace head_check {

constexpr float kSlack = 0.05F;  // of scores beyond 0..1

// Columns first .. first+count-1 of the parts of all pictures: [picture][part].
std::vector<Column> columns_of(std::span<const std::vector<Cells>> pictures, std::size_t first,
                               std::size_t count) {
  std::vector<Column> columns(count);
  std::vector<std::size_t> above(count);
  for (const std::vector<Cells>& parts : pictures) {
    std::fill(above.begin(), above.end(), 0);
    std::size_t cells = 0;
    for (const Cells& part : parts) {
      cells += part.cells;
      if (part.value_step == 1) {
        for (std::size_t i = 0; i < part.cells; ++i) {
          for (std::size_t c = 0; c < count; ++c) columns[c].add(part.at(i, first + c), above[c]);
        }
      } else {
        for (std::size_t c = 0; c < count; ++c) {
          for (std::size_t i = 0; i < part.cells; ++i) {
            columns[c].add(part.at(i, first + c), above[c]);
          }
        }
      }
    }
    for (std::size_t c = 0; c < count && cells > 0; ++c) {
      columns[c].often = std::min(columns[c].often,
                                  static_cast<double>(above[c]) / static_cast<double>(cells));
    }
  }
  return columns;
}

bool is_probability(const Column& column) {
  return column.finite == 0 || (column.low >= -kSlack && column.high <= 1 + kSlack);
}

bool is_logit(const Column& column) {
  return column.finite > 0 && column.low < -kSlack && column.low > -1000 && column.high < 60;
}

std::string range_text(const Column& column) {
  return fmt::format("from {:.4g} to {:.4g}", column.low, column.high);
}

}  // namespace head_check

namespace {

using head_check::Cells;
using head_check::Column;
using head_check::columns_of;
using head_check::Findings;
using head_check::is_logit;
using head_check::is_probability;
using head_check::kSetLogits;
using head_check::range_text;

Cells cells_of(const TensorView& tensor, bool channels_first) {
  const auto rows = static_cast<std::size_t>(tensor.shape[0]);
  const auto columns = static_cast<std::size_t>(tensor.shape[1]);
  if (channels_first) return {tensor.data, columns, 1, columns};
  return {tensor.data, rows, columns, 1};
}

Column joined(std::span<const Column> columns) {
  Column all;
  for (const Column& column : columns) {
    all.low = std::min(all.low, column.low);
    all.high = std::max(all.high, column.high);
    all.finite += column.finite;
    all.seen += column.seen;
  }
  return all;
}

void check_foreign_columns(Findings& findings, std::span<const Column> classes, std::size_t first,
                           bool told) {
  const auto odd = std::find_if_not(classes.begin(), classes.end(), is_probability);
  if (odd == classes.end()) return;
  const auto count = std::count_if(classes.begin(), classes.end(),
                                   [](const Column& c) { return !is_probability(c); });
  const auto index = static_cast<std::size_t>(odd - classes.begin());
  findings.add(fmt::format("{} of the {} values taken for class scores are none: value {} of a "
                           "cell (class {}) runs {}; scores lie in 0..1, so it is a keypoint, a "
                           "landmark, an angle or a mask's coefficient",
                           count, classes.size(), first + index, index, range_text(*odd)),
               "", "export the network as a plain detector", told);
}

// `first`: index of the first class's value in a cell, for messages.
void check_classes(Findings& findings, std::span<const Column> classes, std::size_t first,
                   bool logits, const HeadClaims& claims, bool alone) {
  const Column all = joined(classes);
  if (all.finite * 2 < all.seen) {
    findings.add(fmt::format("{} of {} scores are not finite numbers", all.seen - all.finite,
                             all.seen),
                 "", "export it in f32: half precision may have overflowed", claims.scores);
    return;
  }
  if (logits) {
    if (!is_probability(all)) return;
    findings.add(fmt::format("class scores run {}: they are probabilities already, not logits",
                             range_text(all)),
                 "scores_are_logits = false", "", claims.scores);
    return;
  }
  const auto count = static_cast<std::size_t>(
      std::count_if(classes.begin(), classes.end(), is_logit));
  if (!is_probability(all) && count * 10 >= classes.size() * 9 && all.high < 60) {
    findings.add(fmt::format("class scores run {}; probabilities lie in 0..1, so these are logits, "
                             "to which a sigmoid is still to be applied", range_text(all)),
                 std::string(kSetLogits), "", claims.scores);
    return;
  }
  if (!is_probability(all)) {
    check_foreign_columns(findings, classes, first, claims.classes || claims.scores);
    return;
  }
  // Without an objectness that stands before it, a class is silent nearly everywhere.
  const auto often = [](const Column& c) { return c.often; };
  const auto [least, most] = std::minmax_element(
      classes.begin(), classes.end(),
      [&](const Column& a, const Column& b) { return often(a) < often(b); });
  if (alone && most->often > 0.5 && least->often < 0.05) {
    const auto index = most - classes.begin();
    findings.add(fmt::format("value {} of a cell, taken for the score of class {}, is above 0.25 in"
                             " {:.0f} % of all cells, while other classes are silent: it is an "
                             "angle or a coordinate, not a score",
                             first + static_cast<std::size_t>(index), index, most->often * 100),
                 "", "export the network as a plain detector", claims.classes || claims.scores);
  }
}

// Objectness and class scores, which are multiplied.
void check_product(Findings& findings, std::span<const Column> columns, bool logits,
                   const HeadClaims& claims) {
  const std::span<const Column> classes = columns.subspan(1);
  const Column all = joined(classes);
  const bool classes_are_logits = !is_probability(all) && is_logit(all);
  if (!logits && is_probability(columns[0]) != is_probability(all) &&
      (classes_are_logits || is_logit(columns[0])) && all.high < 60) {
    findings.add(fmt::format("objectness runs {} and class scores {}: one of them is a logit, the "
                             "other a probability", range_text(columns[0]), range_text(all)),
                 "", "export it with a sigmoid on both", claims.scores);
    return;
  }
  if (!logits && !is_probability(columns[0]) && !is_logit(columns[0])) {
    findings.add(fmt::format("objectness runs {}; it lies in 0..1", range_text(columns[0])), "",
                 "say what kind of network it is with family = \"...\"", claims.scores);
    return;
  }
  check_classes(findings, classes, 5, logits, claims, false);
}

// [picture][part] of the tensors with boxes, or of those with scores.
std::vector<std::vector<Cells>> parts_of(std::span<const std::vector<TensorView>> pictures,
                                         const HeadDescription& head, bool scores) {
  std::vector<std::vector<Cells>> parts;
  for (const std::vector<TensorView>& outputs : pictures) {
    auto& of_picture = parts.emplace_back();
    for (const HeadLevel& level : head.levels) {
      const auto index = static_cast<std::size_t>(scores ? level.scores : level.boxes);
      of_picture.push_back(cells_of(outputs[index], head.encoding == BoxEncoding::kXywhScores));
    }
  }
  return parts;
}

}  // namespace

std::vector<Contradiction> check_head(std::span<const std::vector<TensorView>> pictures,
                                      const HeadDescription& head, Size network,
                                      const HeadClaims& claims) {
  Findings findings;
  if (pictures.empty()) return {};
  const auto boxes = parts_of(pictures, head, false);
  const auto classes = static_cast<std::size_t>(head.class_count);
  const bool logits = head.scores_are_logits;
  switch (head.encoding) {
    case BoxEncoding::kXywhScores:
      check_classes(findings, columns_of(boxes, 4, classes), 4, logits, claims, true);
      head_check::check_decoded(findings, boxes, head, network, claims);
      break;
    case BoxEncoding::kXywhObjectnessScores:
      check_product(findings, columns_of(boxes, 4, classes + 1), logits, claims);
      head_check::check_decoded(findings, boxes, head, network, claims);
      break;
    case BoxEncoding::kYoloxGrid:
      check_product(findings, columns_of(boxes, 4, classes + 1), logits, claims);
      head_check::check_offsets(findings, boxes, head, network, claims);
      break;
    case BoxEncoding::kEndToEnd:
      head_check::check_ranked(findings, boxes, head, claims);
      break;
    case BoxEncoding::kGflDistances:
      head_check::check_distances(findings, boxes, head, network, claims);
      [[fallthrough]];
    case BoxEncoding::kGflBins:
      check_classes(findings, columns_of(parts_of(pictures, head, true), 0, classes), 0, logits,
                    claims, true);
      break;
  }
  return findings.take();
}

}  // namespace shoal
