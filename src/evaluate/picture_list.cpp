#include "evaluate/picture_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "core/file_listing.h"
#include "core/read_file.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kListBytesMax = std::size_t{1} << 30;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

Result<PictureList> pictures_of_folder(const fs::path& folder, SeenFolders& seen) {
  PictureList list;
  list.pictures = SHOAL_TRY(list_files(folder.string(), {.recursive = true, .seen = &seen}));
  std::erase_if(list.pictures,
                [](const std::string& path) { return file_kind(path) != FileKind::kPicture; });
  return list;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kAround = " \t\r\v\f";
  const std::size_t first = line.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kAround) - first + 1);
}

// Where the picture of a list's line is.
std::optional<std::string> found(const fs::path& list, const fs::path& root,
                                 std::string_view line) {
  const fs::path name(line.starts_with("./") ? line.substr(2) : line);
  for (const fs::path& place : {list.parent_path() / name, root / name, name}) {
    if (is_file(place)) return place.string();
  }
  return std::nullopt;
}

// Which words a list's line has for what is no picture.
std::string why_not(std::string_view line, const std::string& place) {
  if (file_kind(line) == FileKind::kVideo) return fmt::format("{}: a video", place);
  return fmt::format("{}: no such picture", place);
}

Result<PictureList> pictures_of_list(const fs::path& path, const fs::path& root) {
  const std::string text =
      SHOAL_TRY(file_text(path.string(), {.bytes_max = kListBytesMax, .expected = "a list"}));
  if (text.find('\0') != std::string::npos) {
    return Error{ErrorCode::kInvalidArgument,
                 path.string() + ": expected text, one picture a line; got bytes that are no text"};
  }
  PictureList list;
  std::string_view rest = text;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find_first_of('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    auto place = found(path, root, line);
    if (place && file_kind(line) != FileKind::kVideo) {
      list.pictures.push_back(*std::move(place));
    } else {
      list.missing.push_back(fmt::format("{}:{}: {}", path.lexically_normal().string(), number,
                                         why_not(line, std::string(line))));
    }
  }
  return list;
}

}  // namespace

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<PictureList> list_pictures(const std::string& yaml, std::string_view split,
                                  const fs::path& root, const std::vector<std::string>& places) {
  PictureList all;
  SeenFolders seen;
  for (const std::string& place : places) {
    fs::path where = root / place;
    // Exports of labelling services say "../train/images" for "train/images" beside the yaml.
    if (!is_there(where) && place.starts_with("../")) where = root / place.substr(3);
    std::error_code ignored;
    const bool is_folder = fs::is_directory(where, ignored);
    if (!is_folder && !is_file(where)) {
      return Error{ErrorCode::kNotFound,
                   fmt::format("{}: {}: '{}' is neither a folder nor a file", yaml, split,
                               (root / place).lexically_normal().string())};
    }
    PictureList found = SHOAL_TRY(is_folder ? pictures_of_folder(where, seen)
                                            : pictures_of_list(where, root));
    if (found.pictures.empty() && found.missing.empty() && all.pictures.empty()) {
      return Error{ErrorCode::kNotFound, fmt::format("{}: {}: no pictures in '{}'", yaml, split,
                                                     where.lexically_normal().string())};
    }
    const auto move_behind = [](std::vector<std::string>& to, std::vector<std::string>& from) {
      to.insert(to.end(), std::make_move_iterator(from.begin()),
                std::make_move_iterator(from.end()));
    };
    move_behind(all.pictures, found.pictures);
    move_behind(all.missing, found.missing);
  }
  return all;
}

}  // namespace shoal
