// Class names: COCO's, and those that exporters write into model files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

// The 80 names of COCO's detection classes, in the order of all YOLO exports.
[[nodiscard]] std::span<const std::string_view> coco_names();

// Reads what exporters store as metadata, in this order:
//   a Python or JSON literal  "{0: 'person', 1: 'bicycle'}", "['person', 'bicycle']", with all
//                             escapes of both; numbers and bare words count as names, names as
//                             keys of their numbers too: "{'person': 0, 'bicycle': 1}"
//   plain text                one name a line ("person", "- person" or "0: person"), or names with
//                             commas or semicolons between them
// Numbers must be 0 .. n-1 or 1 .. n, each once, in any order. What is not UTF-8 becomes U+FFFD.
//
// Errors   corrupt_input with the place where reading stopped. Bounded: at most 100,000 names.
[[nodiscard]] Result<std::vector<std::string>> parse_class_names(std::string_view text);

// Whether a text is a literal, not plain text. Anything at all reads as plain names: believe them
// only where their number is right.
[[nodiscard]] bool is_names_literal(std::string_view text);

}  // namespace shoal
