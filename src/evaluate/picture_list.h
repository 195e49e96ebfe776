// Which pictures a split of a data.yaml means: folders, and lists of pictures. dataset.h calls it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/result.h"

namespace shoal {

struct PictureList {
  std::vector<std::string> pictures;  // that are there
  std::vector<std::string> missing;   // "list.txt:3: a.png: no such picture"
};

// The pictures of `places`, each a folder (searched with its sub-folders and links; every real
// folder once) or a list of pictures, relative to `root`. Hidden files are passed over. Lines of a
// list are relative to the list's folder, to `root` or to the working directory: where the picture
// is. Lines that begin with # are comments.
//
// Errors   not_found: a place that is not there, or holds no picture; those of file_text. Begin
//          with "{yaml}: {split}".
[[nodiscard]] Result<PictureList> list_pictures(const std::string& yaml, std::string_view split,
                                                const std::filesystem::path& root,
                                                const std::vector<std::string>& places);

// False also where that cannot be asked.
[[nodiscard]] bool is_there(const std::filesystem::path& path);

}  // namespace shoal
