// What an outcome's source is called in outputs: stems, class names, and file names that no two
// sources share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/outcome.h"

namespace shoal {

// Frames of videos and streams have a time, pictures have none.
[[nodiscard]] inline bool is_video_frame(const Outcome& outcome) {
  return outcome.media_time.has_value();
}

// Outputs count frames from 1, as Ultralytics and MOTChallenge do.
[[nodiscard]] inline std::uint64_t frame_number(const Outcome& outcome) {
  return static_cast<std::uint64_t>(outcome.frame) + 1;
}

// "a/b.c.jpg" -> "b.c"; "rtsp://user:key@host:554/live/cam1?x=1" -> "cam1";
// "synthetic:pcb?size=1280x720" -> "synthetic-pcb". Never empty; holds no '/'.
[[nodiscard]] std::string source_stem(std::string_view source);

// The class's name, or "class_7" where the model has none for it.
void append_class_name(std::string& text, const std::vector<std::string>& names, int class_id);

// Hands out names; one that is taken becomes "<stem>-2", "<stem>-3" and so on, which is
// logged for the first few.
//
// Cost     16 to 50 bytes of memory a name: hashes are kept, not names. Two names with the same
//          64-bit hash would give a "-2" too many, and nothing worse.
class OutputNames {
 public:
  // "<stem><suffix>". `source` is for the log. Very long stems are cut, as file names end at 255
  // bytes.
  [[nodiscard]] std::string claim(std::string_view source, std::string_view stem,
                                  std::string_view suffix);
  // A stem for files "<stem>_<frame>": none of these has been or will be claimed by a picture.
  [[nodiscard]] std::string claim_frames(std::string_view source, std::string_view stem);

 private:
  [[nodiscard]] bool take(std::string_view stem, std::string_view suffix);
  [[nodiscard]] bool take_frames(std::string_view stem);
  template <typename Take>
  [[nodiscard]] std::string first_free(std::string_view source, std::string_view stem, Take take);

  std::unordered_set<std::size_t> taken_;           // stem + suffix
  std::unordered_set<std::size_t> frame_stems_;     // stems of videos
  std::unordered_set<std::size_t> frame_like_;      // "x" of pictures "x_12"
  std::unordered_map<std::size_t, int> next_try_;   // stem -> number; repeated stems only
  int clashes_ = 0;
};

}  // namespace shoal
