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

// Reads the literal that Ultralytics and others store as metadata: "{0: 'person', 1: 'bicycle'}",
// "['person', 'bicycle']", or JSON of either form. Keys must be 0 .. n-1, in any order.
//
// Errors   corrupt_input with the place where reading stopped. Bounded: at most 100,000 names.
[[nodiscard]] Result<std::vector<std::string>> parse_class_names(std::string_view literal);

}  // namespace shoal
