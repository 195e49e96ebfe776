// The table, and the matching of its rows. A new YOLO version is a row, or a name in a row.
#include "engine/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "core/suggest.h"

namespace shoal {
namespace {

using Names = std::span<const std::string_view>;
constexpr std::array<std::string_view, 1> kLikeV5 = {"yolov7"};
constexpr std::array<std::string_view, 4> kLikeV8 = {"yolov9", "yolo11", "yolo12", "yolov12"};
constexpr std::array<std::string_view, 1> kLikeV10 = {"yolo26"};

constexpr std::array<float, 3> kZero = {0, 0, 0};
constexpr std::array<float, 3> kOne = {1, 1, 1};
constexpr std::array<float, 3> k255 = {255, 255, 255};
// ImageNet's statistics on the 0..255 scale; R G B, and the same as B G R.
constexpr std::array<float, 3> kMeanRgb = {123.675F, 116.28F, 103.53F};
constexpr std::array<float, 3> kStdRgb = {58.395F, 57.12F, 57.375F};
constexpr std::array<float, 3> kMeanBgr = {103.53F, 116.28F, 123.675F};
constexpr std::array<float, 3> kStdBgr = {57.375F, 57.12F, 58.395F};

using enum HeadLayout;
using enum PixelFormat;
using enum Placement;
using E = BoxEncoding;

// Normalisation and placement are what each family's own inference code does: PaddleDetection
// trains PicoDet on stretched pictures (keep_ratio: False). GFL (MMDetection)
// centres its cells on the corner, i * stride; NanoDet and PicoDet on (i + 0.5) * stride.
constexpr std::array<FamilyRow, 12> kTable = {{
    {"yolov5", kLikeV5, E::kXywhObjectnessScores, kCellsWithObjectness, 3, 0, true, kRgb8, kZero,
     k255, kCentred, 0},
    {"yolov6", Names(), E::kXywhObjectnessScores, kCellsWithObjectness, 1, 0, true, kRgb8, kZero,
     k255, kCentred, 0},
    {"yolox", Names(), E::kYoloxGrid, kCellsWithObjectness, 1, 0, false, kBgr8, kZero, kOne,
     kTopLeft, 0},
    {"yolox_decoded", Names(), E::kXywhObjectnessScores, kCellsWithObjectness, 1, 0, true, kBgr8,
     kZero, kOne, kTopLeft, 0},
    {"yolov8", kLikeV8, E::kXywhScores, kChannelsByCells, 1, 0, true, kRgb8, kZero, k255, kCentred,
     0},
    {"yolov8_transposed", Names(), E::kXywhScores, kCellsByChannels, 1, 0, true, kRgb8, kZero,
     k255, kCentred, 0},
    {"yolov10", kLikeV10, E::kEndToEnd, kRankedDetections, 0, 0, true, kRgb8, kZero, k255,
     kCentred, 0},
    {"nanodet", Names(), E::kGflDistances, kPairs, 1, 3, false, kBgr8, kMeanBgr, kStdBgr, kCentred,
     0.5F},
    {"nanodet", Names(), E::kGflBins, kPairs, 1, 3, false, kBgr8, kMeanBgr, kStdBgr, kCentred,
     0.5F},
    {"picodet", Names(), E::kGflBins, kPairs, 1, 4, false, kRgb8, kMeanRgb, kStdRgb, kStretched,
     0.5F},
    {"gfl", Names(), E::kGflBins, kPairs, 1, 5, false, kRgb8, kMeanRgb, kStdRgb, kTopLeft, 0},
    {"gfl", Names(), E::kGflDistances, kPairs, 1, 5, false, kRgb8, kMeanRgb, kStdRgb, kTopLeft, 0},
}};

// The sets of strides that detectors use; the usual one first.
const std::vector<std::vector<int>>& stride_sets() {
  static const std::vector<std::vector<int>> sets = {
      {8, 16, 32}, {8, 16, 32, 64}, {4, 8, 16, 32}, {16, 32}, {8, 16}, {8, 16, 32, 64, 128}};
  return sets;
}

std::optional<std::vector<int>> strides_of(const GraphFacts& facts, std::int64_t rows,
                                           int anchors) {
  if (!facts.strides.empty()) {
    if (rows == anchors * cell_count(facts.size, facts.strides)) return facts.strides;
    return std::nullopt;
  }
  for (const auto& set : stride_sets()) {
    if (rows == anchors * cell_count(facts.size, set)) return set;
  }
  return std::nullopt;
}

// Rows with one tensor for everything. `extra` = values of a cell beside the class scores.
std::optional<FamilyMatch> fit_single(const FamilyRow& row, const GraphFacts& facts,
                                      std::size_t index, int cells_axis, int extra) {
  const Shape& shape = facts.outputs[index].shape;
  if (shape.rank != 2) return std::nullopt;
  const std::int64_t cells = shape[cells_axis];
  const std::int64_t classes = shape[1 - cells_axis] - extra;
  if (classes < 1 || (facts.class_count > 0 && classes != facts.class_count)) return std::nullopt;
  auto strides = strides_of(facts, cells, row.anchors_per_cell);
  if (!strides) return std::nullopt;
  FamilyMatch match{.row = &row, .head = {}, .outputs = {static_cast<int>(index)}, .why = {}};
  match.head.encoding = row.encoding;
  match.head.class_count = static_cast<int>(classes);
  match.head.levels = {HeadLevel{}};
  match.why = fmt::format("{} {}: {} cells of strides {}, {}{} + {} classes",
                          facts.outputs[index].name, to_string(shape), cells,
                          fmt::join(*strides, "/"),
                          row.anchors_per_cell > 1
                              ? fmt::format("{} anchors a cell, ", row.anchors_per_cell)
                              : std::string(),
                          extra, classes);
  match.head.strides = std::move(*strides);
  match.transpose = row.layout == kCellsByChannels;
  return match;
}

std::optional<FamilyMatch> fit_ranked(const FamilyRow& row, const GraphFacts& facts,
                                      std::size_t index) {
  const Shape& shape = facts.outputs[index].shape;
  // K detections; a grid of cells with one class would be longer.
  if (shape.rank != 2 || shape[1] != 6 || shape[0] < 1 || shape[0] > 1000) return std::nullopt;
  FamilyMatch match{.row = &row, .head = {}, .outputs = {static_cast<int>(index)}, .why = {}};
  match.head.encoding = row.encoding;
  match.head.class_count = facts.class_count;
  match.head.levels = {HeadLevel{}};
  match.head.strides = facts.strides;
  match.why = fmt::format("{} {}: {} ranked detections of x1 y1 x2 y2 score class",
                          facts.outputs[index].name, to_string(shape), shape[0]);
  return match;
}

struct Pair {
  int stride = 0;
  std::array<std::size_t, 2> outputs{};
};

// Two outputs a stride, told apart by their number of rows; ascending strides.
std::vector<Pair> pairs_of(const GraphFacts& facts) {
  std::map<std::int64_t, std::vector<std::size_t>> by_rows;
  for (std::size_t i = 0; i < facts.outputs.size(); ++i) {
    if (facts.outputs[i].shape.rank != 2) return {};
    by_rows[facts.outputs[i].shape[0]].push_back(i);
  }
  const std::vector<int> strides =
      facts.strides.empty() ? std::vector<int>{4, 8, 16, 32, 64, 128} : facts.strides;
  std::vector<Pair> pairs;
  for (const int stride : strides) {
    const auto found = by_rows.find(cell_count(facts.size, stride));
    if (found == by_rows.end()) continue;
    if (found->second.size() != 2) return {};
    pairs.push_back({stride, {found->second[0], found->second[1]}});
    by_rows.erase(found);
  }
  return by_rows.empty() ? pairs : std::vector<Pair>{};
}

bool names_scores(const std::string& name) {
  return name.find("cls") != std::string::npos || name.find("score") != std::string::npos;
}

// Which member of a pair holds the scores; 2 where nothing tells.
std::size_t scores_member(const GraphFacts& facts, const Pair& pair) {
  const auto verdict = [&](auto&& is_scores) -> std::size_t {
    const bool first = is_scores(facts.outputs[pair.outputs[0]]);
    const bool second = is_scores(facts.outputs[pair.outputs[1]]);
    return first == second ? 2 : (first ? 0 : 1);
  };
  std::size_t member = verdict([&](const OutputFacts& output) {
    return facts.class_count > 0 && output.shape[1] == facts.class_count;
  });
  if (member == 2) member = verdict([](const OutputFacts& o) { return o.ends_in_sigmoid; });
  if (member == 2) member = verdict([](const OutputFacts& o) { return names_scores(o.name); });
  if (member == 2) member = verdict([](const OutputFacts& o) { return o.shape[1] % 4 != 0; });
  if (member == 2) member = verdict([](const OutputFacts& o) { return o.shape[1] != 4; });
  return member;
}

std::optional<FamilyMatch> fit_pairs(const FamilyRow& row, const GraphFacts& facts) {
  const std::vector<Pair> pairs = pairs_of(facts);
  if (static_cast<int>(pairs.size()) != row.levels) return std::nullopt;
  FamilyMatch match{.row = &row, .head = {}, .outputs = {}, .why = {}};
  std::int64_t side_values = 0;
  for (const Pair& pair : pairs) {
    const std::size_t member = scores_member(facts, pair);
    if (member == 2) return std::nullopt;
    const OutputFacts& scores = facts.outputs[pair.outputs[member]];
    const OutputFacts& boxes = facts.outputs[pair.outputs[1 - member]];
    const bool first = match.head.levels.empty();
    if (boxes.shape[1] % 4 != 0) return std::nullopt;
    if (!first && (scores.shape[1] != match.head.class_count || boxes.shape[1] != side_values)) {
      return std::nullopt;
    }
    match.head.class_count = static_cast<int>(scores.shape[1]);
    side_values = boxes.shape[1];
    match.head.scores_are_logits = !scores.ends_in_sigmoid;
    const int at = static_cast<int>(match.outputs.size());
    match.outputs.push_back(static_cast<int>(pair.outputs[member]));
    match.outputs.push_back(static_cast<int>(pair.outputs[1 - member]));
    match.head.levels.push_back({.stride = pair.stride, .boxes = at + 1, .scores = at});
    match.head.strides.push_back(pair.stride);
  }
  if (facts.class_count > 0 && match.head.class_count != facts.class_count) return std::nullopt;
  const int bins = static_cast<int>(side_values / 4);
  if ((row.encoding == E::kGflDistances) != (bins == 1)) return std::nullopt;
  if (facts.bins > 0 && bins != facts.bins) return std::nullopt;
  match.head.encoding = row.encoding;
  match.head.bins = bins == 1 ? 0 : bins;
  match.head.cell_offset = row.cell_offset;
  match.why = fmt::format("{} pairs of tensors for strides {}: {} classes, {}", pairs.size(),
                          fmt::join(match.head.strides, "/"), match.head.class_count,
                          bins == 1 ? std::string("4 distances")
                                    : fmt::format("4 x {} bins", bins));
  return match;
}

// Undecoded maps that some exporters leave beside the decoded tensor: v5's [3, h, w, 5+C], v8's
// [4 * bins + C, h, w] of one of its strides. Masks and keypoints are other shapes.
bool is_raw_map(const Shape& shape, const FamilyMatch& match, Size size) {
  if (shape.rank == 4) return true;
  const std::int64_t box_values = shape.rank == 3 ? shape[0] - match.head.class_count : 0;
  if (box_values < 4 || box_values % 4 != 0) return false;
  const auto same_grid = [&](int stride) {
    return shape[1] == (size.height + stride - 1) / stride &&
           shape[2] == (size.width + stride - 1) / stride;
  };
  return std::any_of(match.head.strides.begin(), match.head.strides.end(), same_grid);
}

std::optional<FamilyMatch> fit(const FamilyRow& row, const GraphFacts& facts) {
  if (row.layout == kPairs) return fit_pairs(row, facts);
  std::optional<FamilyMatch> found;
  for (std::size_t i = 0; i < facts.outputs.size(); ++i) {
    std::optional<FamilyMatch> match;
    switch (row.layout) {
      case kChannelsByCells: match = fit_single(row, facts, i, 1, 4); break;
      case kCellsByChannels: match = fit_single(row, facts, i, 0, 4); break;
      case kCellsWithObjectness: match = fit_single(row, facts, i, 0, 5); break;
      case kRankedDetections: match = fit_ranked(row, facts, i); break;
      case kPairs: break;
    }
    if (match && found) return std::nullopt;
    if (match) found = std::move(match);
  }
  // Masks or keypoints beside it mean that this is not a plain detector.
  for (std::size_t i = 0; found && i < facts.outputs.size(); ++i) {
    if (static_cast<int>(i) != found->outputs.front() &&
        !is_raw_map(facts.outputs[i].shape, *found, facts.size)) {
      return std::nullopt;
    }
  }
  return found;
}

bool is_named(const FamilyRow& row, std::string_view name) {
  return row.name == name || std::find(row.also.begin(), row.also.end(), name) != row.also.end();
}

}  // namespace

std::span<const FamilyRow> family_table() { return kTable; }

std::vector<FamilyMatch> fitting_families(const GraphFacts& facts, std::string_view asked) {
  std::vector<FamilyMatch> matches;
  for (const FamilyRow& row : kTable) {
    if (!asked.empty() && !is_named(row, asked)) continue;
    if (auto match = fit(row, facts)) matches.push_back(std::move(*match));
  }
  return matches;
}

Result<void> check_family_name(std::string_view name) {
  std::vector<std::string_view> known;
  for (const FamilyRow& row : kTable) {
    if (is_named(row, name)) return {};
    if (known.empty() || known.back() != row.name) known.push_back(row.name);
    known.insert(known.end(), row.also.begin(), row.also.end());
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("unknown family '{}'{}; known: {}", name, suggestion(name, known),
                           fmt::join(known, ", "))};
}

std::string member_name(const FamilyRow& row, std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view member : row.also) {
    if (lower.find(member) != std::string::npos) return std::string(member);
  }
  return std::string(row.name);
}

std::int64_t cell_count(Size size, int stride) {
  const auto cells = [stride](int side) -> std::int64_t { return (side + stride - 1) / stride; };
  return cells(size.width) * cells(size.height);
}

std::int64_t cell_count(Size size, std::span<const int> strides) {
  std::int64_t count = 0;
  for (const int stride : strides) count += cell_count(size, stride);
  return count;
}

std::string to_string(const Shape& shape) {
  std::vector<std::int64_t> dims;
  for (int axis = 0; axis < shape.rank; ++axis) dims.push_back(shape[axis]);
  return fmt::format("[{}]", fmt::join(dims, ", "));
}

}  // namespace shoal
