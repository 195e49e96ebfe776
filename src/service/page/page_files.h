// The dashboard's files, as the build made them of dashboard/. They live as long as the process.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace shoal {

struct EmbeddedFile {
  std::string_view path;          // "index.html", "assets/index-BZZiv6pw.js"
  std::string_view content_type;
  std::string_view bytes;
  std::string_view gzip;          // the same, compressed; "" where that saves nothing
};

[[nodiscard]] std::span<const EmbeddedFile> page_files();
[[nodiscard]] std::optional<EmbeddedFile> page_file(std::string_view path);

}  // namespace shoal
