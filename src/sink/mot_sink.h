// MOTChallenge text: one line an object, `frame,id,left,top,width,height,confidence,-1,-1,-1`.
#pragma once

#include <memory>
#include <string>

#include "sink/sink.h"

namespace shoal {

struct MotOptions {
  std::string path = {};  // of the first video; overwritten; missing folders are made
};

// Frames count from 1; id is -1 without a track, as in MOT's detection files. Pictures together
// are one sequence, numbered in their order. Every further video gets a file of its own beside
// the first, "<stem of path>-<stem of video><suffix>".
//
// Errors   as create_jsonl_sink.
[[nodiscard]] Result<std::unique_ptr<Sink>> create_mot_sink(MotOptions options);

}  // namespace shoal
