// Decoding in two steps: scan the scores for hits (score_scan.h), then decode the boxes of hits.
// Before both, the outputs' shapes are checked against the head's description.
#include "postprocess/box_decode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>

#include "core/check.h"
#include "postprocess/score_scan.h"

namespace shoal {
namespace {

constexpr float kCoordinateMax = 1 << 20;  // network pixels; areas stay finite
constexpr std::int64_t kElementsMax = std::int64_t{1} << 31;

std::string text(const Shape& shape) {
  std::string out = "[";
  for (int axis = 0; axis < shape.rank; ++axis) {
    out += (axis == 0 ? "" : ", ") + std::to_string(shape[axis]);
  }
  return out + "]";
}

using Corners = std::array<float, 4>;  // x1 y1 x2 y2

Corners from_centre(float x, float y, float width, float height) {
  return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
}

// Where a cell of a grid of several strides lies.
struct Cell {
  float x, y;  // column and row
  float stride;
  std::size_t level;
  std::size_t row;  // within the level
};

Cell cell_of(std::size_t anchor, std::span<const int> strides, Size network, bool round_up) {
  for (std::size_t level = 0; level < strides.size(); ++level) {
    const int stride = strides[level];
    const int extra = round_up ? stride - 1 : 0;
    const auto columns = static_cast<std::size_t>((network.width + extra) / stride);
    const std::size_t cells = columns * static_cast<std::size_t>((network.height + extra) / stride);
    if (anchor < cells) {
      return {static_cast<float>(anchor % columns), static_cast<float>(anchor / columns),
              static_cast<float>(stride), level, anchor};
    }
    anchor -= cells;
  }
  SHOAL_CHECK(false, "the anchor lies in no level");
  return {};
}

// The mean of 0, 1, .. bins - 1 under the softmax of the logits.
float expected_bin(const float* logits, int bins) {
  const float largest = *std::max_element(logits, logits + bins);
  float sum = 0;
  float weighted = 0;
  for (int bin = 0; bin < bins; ++bin) {
    const float weight = std::exp(logits[bin] - largest);
    sum += weight;
    weighted += weight * static_cast<float>(bin);
  }
  return weighted / sum;
}

Corners gfl_corners(HeadView outputs, const HeadDescription& head, std::span<const int> strides,
                    Size network, std::size_t anchor) {
  const Cell cell = cell_of(anchor, strides, network, true);
  const TensorView& tensor = outputs[static_cast<std::size_t>(head.levels[cell.level].boxes)];
  const auto columns = static_cast<std::size_t>(tensor.shape[1]);
  const float* row = tensor.data + cell.row * columns;
  std::array<float, 4> distance{};
  for (std::size_t side = 0; side < 4; ++side) {
    distance[side] = head.encoding == BoxEncoding::kGflDistances
                         ? row[side]
                         : expected_bin(row + side * static_cast<std::size_t>(head.bins),
                                        head.bins);
    distance[side] *= cell.stride;
  }
  const float x = (cell.x + head.cell_offset) * cell.stride;
  const float y = (cell.y + head.cell_offset) * cell.stride;
  return {x - distance[0], y - distance[1], x + distance[2], y + distance[3]};
}

Corners corners_of(HeadView outputs, const HeadDescription& head, std::span<const int> strides,
                   Size network, std::size_t anchor) {
  const TensorView& tensor = outputs[static_cast<std::size_t>(head.levels[0].boxes)];
  const auto columns = static_cast<std::size_t>(tensor.shape[1]);
  const float* row = tensor.data + anchor * columns;
  switch (head.encoding) {
    case BoxEncoding::kXywhScores: {
      const float* column = tensor.data + anchor;
      return from_centre(column[0], column[columns], column[2 * columns], column[3 * columns]);
    }
    case BoxEncoding::kXywhObjectnessScores: return from_centre(row[0], row[1], row[2], row[3]);
    case BoxEncoding::kEndToEnd: return {row[0], row[1], row[2], row[3]};
    case BoxEncoding::kYoloxGrid: {
      const Cell cell = cell_of(anchor, strides, network, false);
      return from_centre((row[0] + cell.x) * cell.stride, (row[1] + cell.y) * cell.stride,
                         std::exp(row[2]) * cell.stride, std::exp(row[3]) * cell.stride);
    }
    case BoxEncoding::kGflDistances:
    case BoxEncoding::kGflBins: return gfl_corners(outputs, head, strides, network, anchor);
  }
  return {};
}

bool is_box(const Corners& box) {
  return std::all_of(box.begin(), box.end(), [](float v) { return std::isfinite(v); }) &&
         box[0] <= box[2] && box[1] <= box[3];
}

// Boxes of the hits; those that are none are left out.
void decode_hits(Candidates& out, HeadView outputs, const HeadDescription& head,
                 std::span<const int> strides, Size network, const std::vector<Hit>& hits) {
  out.resize(hits.size());
  std::size_t count = 0;
  Corners box{};
  bool usable = false;
  std::int32_t decoded = -1;
  for (const Hit& hit : hits) {
    if (hit.anchor != decoded) {
      box = corners_of(outputs, head, strides, network, static_cast<std::size_t>(hit.anchor));
      usable = is_box(box);
      for (float& v : box) v = std::clamp(v, -kCoordinateMax, kCoordinateMax);
      decoded = hit.anchor;
    }
    if (!usable) continue;
    out.x1[count] = box[0];
    out.y1[count] = box[1];
    out.x2[count] = box[2];
    out.y2[count] = box[3];
    out.score[count] = hit.score;
    out.class_id[count] = hit.class_id;
    out.anchor[count] = hit.anchor;
    ++count;
  }
  out.resize(count);
}

Error mismatch(const HeadDescription& head, const std::string& what) {
  return Error{ErrorCode::kInvalidArgument,
               "box decoder " + std::string(to_string(head.encoding)) + ": " + what};
}

// A tensor of the head must be [rows, columns]; -1: any.
Result<void> expect_shape(const HeadDescription& head, HeadView outputs, int index,
                          std::int64_t rows, std::int64_t columns) {
  if (index < 0 || static_cast<std::size_t>(index) >= outputs.size()) {
    return mismatch(head, "needs output " + std::to_string(index) + ", but there are " +
                              std::to_string(outputs.size()));
  }
  const TensorView& tensor = outputs[static_cast<std::size_t>(index)];
  const Shape& shape = tensor.shape;
  const auto fits = [](std::int64_t got, std::int64_t expected) {
    return got >= 0 && got < kElementsMax && (expected < 0 || got == expected);
  };
  if (shape.rank != 2 || !fits(shape[0], rows) || !fits(shape[1], columns) ||
      shape.element_count() >= kElementsMax) {
    const auto side = [](std::int64_t expected) {
      return expected < 0 ? std::string("any") : std::to_string(expected);
    };
    return mismatch(head, "output " + std::to_string(index) + " is " + text(shape) +
                              "; expected [" + side(rows) + ", " + side(columns) + "]");
  }
  if (tensor.data == nullptr && shape.element_count() > 0) {
    return mismatch(head, "output " + std::to_string(index) + " has no data");
  }
  return {};
}

std::int64_t cell_count(Size network, int stride, bool round_up) {
  const int extra = round_up ? stride - 1 : 0;
  return static_cast<std::int64_t>((network.width + extra) / stride) *
         ((network.height + extra) / stride);
}

Result<void> validate_levels(HeadView outputs, const HeadDescription& head, Size network) {
  const std::int64_t columns = head.encoding == BoxEncoding::kGflBins ? 4 * head.bins : 4;
  if (columns < 4) return mismatch(head, "bins is " + std::to_string(head.bins));
  for (const HeadLevel& level : head.levels) {
    if (level.stride < 1) return mismatch(head, "stride " + std::to_string(level.stride));
    const std::int64_t cells = cell_count(network, level.stride, true);
    SHOAL_TRY(expect_shape(head, outputs, level.scores, cells, head.class_count));
    SHOAL_TRY(expect_shape(head, outputs, level.boxes, cells, columns));
  }
  return {};
}

Result<void> validate(HeadView outputs, const HeadDescription& head, Size network) {
  if (head.class_count < 1 || head.class_count > (1 << 20)) {
    return mismatch(head, "class count is " + std::to_string(head.class_count));
  }
  constexpr int kSideMax = 1 << 15;
  if (network.width < 1 || network.height < 1 || network.width > kSideMax ||
      network.height > kSideMax) {
    return mismatch(head, "network input of " + std::to_string(network.width) + "x" +
                              std::to_string(network.height));
  }
  const std::size_t levels_max = 16;
  const bool is_gfl = head.encoding == BoxEncoding::kGflDistances ||
                      head.encoding == BoxEncoding::kGflBins;
  if (head.levels.empty() || head.levels.size() > (is_gfl ? levels_max : 1) ||
      head.strides.size() > levels_max) {
    return mismatch(head, std::to_string(head.levels.size()) + " levels");
  }
  const int index = head.levels[0].boxes;
  switch (head.encoding) {
    case BoxEncoding::kXywhScores:
      return expect_shape(head, outputs, index, 4 + head.class_count, -1);
    case BoxEncoding::kXywhObjectnessScores:
      return expect_shape(head, outputs, index, -1, 5 + head.class_count);
    case BoxEncoding::kEndToEnd: return expect_shape(head, outputs, index, -1, 6);
    case BoxEncoding::kYoloxGrid: {
      std::int64_t cells = 0;
      for (const int stride : head.strides) {
        if (stride < 1) return mismatch(head, "stride " + std::to_string(stride));
        cells += cell_count(network, stride, false);
      }
      return expect_shape(head, outputs, index, cells, 5 + head.class_count);
    }
    case BoxEncoding::kGflDistances:
    case BoxEncoding::kGflBins: return validate_levels(outputs, head, network);
  }
  return mismatch(head, "unknown encoding");
}

}  // namespace

Result<void> decode_boxes(Candidates& out, HeadView outputs, const HeadDescription& head,
                          Size network, const BoxDecodeOptions& options,
                          BoxDecodeScratch& scratch) {
  SHOAL_CHECK(options.confidence >= 0, "scores at and below 0 are never candidates");
  SHOAL_CHECK(options.max_candidates >= 1, "at least one candidate is kept");
  SHOAL_CHECK(options.instructions <= best_instruction_set(), "this machine lacks the set");
  out.clear();
  out.class_count = head.class_count;
  out.truncated = false;
  SHOAL_TRY(validate(outputs, head, network));
  out.truncated = internal::scan_scores(outputs, head, options, scratch);
  std::array<int, 16> strides{};
  std::size_t level_count = 0;
  if (head.encoding == BoxEncoding::kYoloxGrid) {
    for (const int stride : head.strides) strides[level_count++] = stride;
  } else {
    for (const HeadLevel& level : head.levels) strides[level_count++] = level.stride;
  }
  decode_hits(out, outputs, head, std::span(strides).first(level_count), network, scratch.hits);
  return {};
}

}  // namespace shoal
