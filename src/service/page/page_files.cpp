// The table itself, page_files(), is written by dashboard/embed.mjs.
#include "service/page/page_files.h"

#include <algorithm>

namespace shoal {

std::optional<EmbeddedFile> page_file(std::string_view path) {
  const std::span<const EmbeddedFile> files = page_files();
  const auto found = std::ranges::find(files, path, &EmbeddedFile::path);
  if (found == files.end()) return std::nullopt;
  return *found;
}

}  // namespace shoal
