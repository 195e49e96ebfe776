// The pictures and videos of folders, as every verb sees them. Lists names; opens nothing.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shoal/result.h"

namespace shoal {

enum class FileKind { kPicture, kVideo, kUnknown };

// By the suffix, whatever its case.
[[nodiscard]] FileKind file_kind(std::string_view path);

// "img2.jpg" before "img10.jpg"; folders before what sorts behind them; a total order.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

// Folders that were listed, by what they are and not by their names: links may lead in circles.
class SeenFolders {
 public:
  // False: it was there.
  bool add(const std::string& folder);

 private:
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;  // device, number
};

struct ListOptions {
  bool recursive = false;
  bool follow_links = true;      // to folders, each real folder once
  SeenFolders* seen = nullptr;   // of several calls, where these belong together
};

// The pictures and videos of a folder in natural order, without hidden files and folders (those of
// macOS, "._a.jpg", among them). May be none.
//
// Errors   unavailable: it cannot be read.
// Cost     about 1 us a file.
[[nodiscard]] Result<std::vector<std::string>> list_files(const std::string& path,
                                                          const ListOptions& options);

// The same, without links to folders. Errors: also not_found where it holds none.
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path,
                                                              bool recursive);

}  // namespace shoal
