// One JSON object a line for every picture or frame, failed ones included. The shape is part of
// Shoal's command line and does not change.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sink/sink.h"

namespace shoal {

struct JsonlOptions {
  std::string path = {};  // overwritten; missing folders are made; "-" is standard output
  std::vector<std::string> class_names = {};  // a class beyond its end is named "class_7"
};

// Every line is in the file when write() returns: it can be followed, and it survives a kill. On a
// full disk the file ends with the last whole line. What a line says: append_answer_json.
//
// Errors   kInvalidArgument: the path is empty, a folder, or passes through a file;
//          kUnavailable: the file cannot be opened.
// Cost     one write(2) a picture; no allocation once the line buffer has grown.
[[nodiscard]] Result<std::unique_ptr<Sink>> create_jsonl_sink(JsonlOptions options);

}  // namespace shoal
