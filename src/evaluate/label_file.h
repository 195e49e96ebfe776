// One label file: `class xc yc w h` or `class x1 y1 x2 y2 x3 y3 ...` a line. dataset.h calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evaluate/dataset.h"
#include "shoal/result.h"

namespace shoal {

struct LabelRules {
  std::size_t class_count = 0;
  std::string_view dataset_path;          // for messages
  std::optional<std::size_t> key_points;  // numbers behind a box that are passed over; no polygons
};

struct ParsedLabels {
  std::vector<Label> labels;
  std::int64_t duplicate_count = 0;  // equal lines that were left out
};

// Where the labels of a picture lie: the last "/images/" becomes "/labels/", the suffix ".txt".
[[nodiscard]] std::string label_path(std::string_view picture);

// Parses the text of a label file. `name` is for messages only.
//
// Errors   kCorruptInput, "name:line: what": numbers missing, not finite or outside [0, 1], a
//          class without a name.
[[nodiscard]] Result<ParsedLabels> parse_labels(std::string_view text, std::string_view name,
                                                const LabelRules& rules);

// Reads and parses a label file; a missing one is a picture without boxes.
//
// Errors   as parse_labels; those of file_text (core/read_file.h) where the file exists.
[[nodiscard]] Result<ParsedLabels> read_labels(const std::string& path,
                                               const LabelRules& rules);

}  // namespace shoal
