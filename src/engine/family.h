// Which family a detector belongs to: a table of rows (head layout, box encoding, normalisation),
// matched against facts of the graph. Pure data and arithmetic; knows no OpenVINO.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/head.h"
#include "core/tensor.h"
#include "shoal/frame.h"
#include "shoal/geometry.h"
#include "shoal/result.h"

namespace shoal {

// What inspection found in a graph, at its default input size.
struct OutputFacts {
  std::string name;
  Shape shape;                   // of one picture: no batch axis
  std::string whole;             // with it, for people: "[1, 84, 8400]"
  bool ends_in_sigmoid = false;  // behind nothing but moves and reshapes
};

struct GraphFacts {
  Size size;                         // of the input
  std::vector<OutputFacts> outputs;
  int class_count = 0;               // from metadata, sidecar or caller; 0 = unknown
  int bins = 0;                      // from a sidecar; 0 = unknown
  std::vector<int> strides;          // from a sidecar; empty = unknown
};

// How the output tensors are laid out.
enum class HeadLayout : std::uint8_t {
  kChannelsByCells,      // one tensor [4+C, N]
  kCellsByChannels,      // one tensor [N, 4+C]
  kCellsWithObjectness,  // one tensor [N, 5+C]
  kRankedDetections,     // one tensor [K, 6]
  kPairs,                // a stride: [n, C] and [n, 4 * bins], or [n, 4]
};

struct FamilyRow {
  std::string_view name;
  std::span<const std::string_view> also;  // other members of the family, accepted as its name
  BoxEncoding encoding;
  HeadLayout layout;
  int anchors_per_cell;  // 0 where N says nothing about the grid
  int levels;            // kPairs: how many strides; 0 elsewhere
  bool decoded;          // the graph turns cells into network pixels itself
  PixelFormat channels;
  std::array<float, 3> mean;  // 0..255 scale, network channel order
  std::array<float, 3> std;   // divisor, same scale and order
  Placement placement;
  float cell_offset;  // kPairs only
};

[[nodiscard]] std::span<const FamilyRow> family_table();

// One row that fits the graph, and how.
struct FamilyMatch {
  const FamilyRow* row = nullptr;
  HeadDescription head;
  std::vector<int> outputs;  // indices into GraphFacts::outputs, in the order head.levels uses
  bool transpose = false;    // outputs[0] is [N, 4+C] and has to become [4+C, N]
  std::string why;
};

// All rows that fit; empty where none does. `asked` limits the rows to those of this name ("" =
// all).
[[nodiscard]] std::vector<FamilyMatch> fitting_families(const GraphFacts& facts,
                                                        std::string_view asked);

// Checks that a name given by a user is a row or a member of one.
// Errors   invalid_argument with the nearest known name.
[[nodiscard]] Result<void> check_family_name(std::string_view name);

// The family member that a text (metadata, file name) names, or the row's own name.
[[nodiscard]] std::string member_name(const FamilyRow& row, std::string_view text);

// Cells of one stride: ceil(h / stride) * ceil(w / stride).
[[nodiscard]] std::int64_t cell_count(Size size, int stride);
[[nodiscard]] std::int64_t cell_count(Size size, std::span<const int> strides);

// "[84, 8400]"
[[nodiscard]] std::string to_string(const Shape& shape);

}  // namespace shoal
