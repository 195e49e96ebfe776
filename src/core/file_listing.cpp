// No exceptions: every call of std::filesystem has an error_code.
#include "core/file_listing.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <filesystem>
#include <system_error>
#include <utility>

namespace shoal {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 11> kPictureSuffixes = {
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff", "gif"};
constexpr std::array kVideoSuffixes = std::to_array<std::string_view>(
    {"mp4",  "m4v",  "f4v", "mov",  "qt",   "3gp", "3g2", "insv", "lrv",  "mkv", "mk3d", "webm",
     "avi",  "divx", "ts",  "m2t",  "m2ts", "mts", "mpg", "mpeg", "vob",  "flv", "wmv",  "asf",
     "ogv",  "mxf",  "264", "h264", "avc",  "265", "h265", "hevc", "m1v", "m2v", "mjpg", "mjpeg",
     "ivf",  "obu",  "y4m", "dav",  "nut",  "wtv"});
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The run of digits at `at`, without leading zeros.
std::string_view digits(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  while (at + 1 < end && text[at] == '0') ++at;
  return text.substr(at, end - at);
}

std::size_t behind_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

bool is_hidden(std::string_view name) { return name.starts_with('.'); }

// What a folder holds, not deeper.
struct Entries {
  std::vector<std::string> files;
  std::vector<std::string> folders;
  std::vector<std::string> linked_folders;
};

Result<Entries> entries_of(const std::string& folder) {
  Entries entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_hidden(name)) continue;
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      auto& folders = entry->is_symlink(ignored) ? entries.linked_folders : entries.folders;
      folders.push_back(entry->path().string());
    } else if (file_kind(name) != FileKind::kUnknown && entry->is_regular_file(ignored)) {
      entries.files.push_back(entry->path().string());
    }
  }
  if (error) {
    return Error{ErrorCode::kUnavailable,
                 folder + ": cannot list the folder: " + error.message()};
  }
  return entries;
}

template <typename T>
void append(std::deque<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

FileKind file_kind(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || path.size() - dot > 8) return FileKind::kUnknown;
  std::string suffix(path.substr(dot + 1));
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto has = [&](const auto& list) {
    return std::find(list.begin(), list.end(), suffix) != list.end();
  };
  if (has(kPictureSuffixes)) return FileKind::kPicture;
  return has(kVideoSuffixes) ? FileKind::kVideo : FileKind::kUnknown;
}

bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const std::string_view left = digits(a, i);
      const std::string_view right = digits(b, j);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
      i = behind_digits(a, i);
      j = behind_digits(b, j);
      continue;
    }
    if (a[i] != b[j]) {
      // A folder's end sorts first, so that "a/x" comes before "a b/x".
      if (a[i] == '/' || b[j] == '/') return a[i] == '/';
      return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
    }
    ++i;
    ++j;
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;  // equal but for leading zeros
}

bool SeenFolders::add(const std::string& folder) {
  struct stat status {};
  // What cannot be asked cannot be listed either, and that says why.
  if (::stat(folder.c_str(), &status) != 0) return true;
  return seen_.emplace(static_cast<std::uint64_t>(status.st_dev),
                       static_cast<std::uint64_t>(status.st_ino)).second;
}

Result<std::vector<std::string>> list_files(const std::string& path, const ListOptions& options) {
  SeenFolders here;
  SeenFolders& seen = options.seen != nullptr ? *options.seen : here;
  std::vector<std::string> files;
  // Links last: what can be reached without one is called by that name.
  std::deque<std::string> folders{path};
  std::deque<std::string> linked;
  while (!folders.empty() || !linked.empty()) {
    auto& from = folders.empty() ? linked : folders;
    const std::string folder = std::move(from.front());
    from.pop_front();
    if (!seen.add(folder)) continue;
    auto entries = entries_of(folder);
    if (!entries) {
      if (folder == path) return entries.error();
      continue;  // a folder below it that may not be read
    }
    files.insert(files.end(), std::make_move_iterator(entries->files.begin()),
                 std::make_move_iterator(entries->files.end()));
    if (options.recursive) append(folders, std::move(entries->folders));
    if (options.recursive && options.follow_links) {
      append(linked, std::move(entries->linked_folders));
    }
  }
  std::sort(files.begin(), files.end(), natural_less);
  return files;
}

Result<std::vector<std::string>> list_directory(const std::string& path, bool recursive) {
  std::vector<std::string> paths =
      SHOAL_TRY(list_files(path, {.recursive = recursive, .follow_links = false}));
  if (paths.empty()) {
    return Error{ErrorCode::kNotFound,
                 path + ": no pictures or videos in this folder" +
                     (recursive ? "" : "; sub-folders are searched with --recursive")};
  }
  return paths;
}

}  // namespace shoal
