// No exceptions: every call of std::filesystem has an error_code.
#include "source/file_names.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <span>
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
constexpr std::array<std::string_view, 9> kSchemes = {
    "rtsp://", "rtsps://", "rtmp://", "rtmps://", "http://", "https://", "tcp://", "udp://",
    "srt://"};

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

void sort_naturally(std::vector<std::string>& paths) {
  std::sort(paths.begin(), paths.end(), natural_less);
}

template <typename Iterator, typename Visit>
std::error_code visit_files(Iterator entry, std::error_code error, const Visit& visit) {
  for (; !error && entry != Iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_hidden(name)) {
      if constexpr (requires { entry.disable_recursion_pending(); }) {
        entry.disable_recursion_pending();
      }
      continue;
    }
    std::error_code ignored;
    if (file_kind(name) != FileKind::kUnknown && entry->is_regular_file(ignored)) {
      visit(entry->path().string());
    }
  }
  return error;
}

// Glob: the components that are left, matched below `base` ("" is the working directory).
void match_components(const std::string& base, std::span<const std::string> components,
                      std::vector<std::string>& matches);

std::string joined(const std::string& base, const std::string& name) {
  if (base.empty()) return name;
  return base.ends_with('/') ? base + name : base + "/" + name;
}

void match_entries(const std::string& base, std::span<const std::string> components,
                   std::vector<std::string>& matches) {
  std::error_code error;
  for (fs::directory_iterator entry(base.empty() ? "." : base, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (components[0] == "**") {
      std::error_code ignored;
      const bool folder = entry->is_directory(ignored) && !entry->is_symlink(ignored);
      if (folder && !is_hidden(name)) match_components(joined(base, name), components, matches);
    } else if (fnmatch(components[0].c_str(), name.c_str(), FNM_PERIOD) == 0) {
      match_components(joined(base, name), components.subspan(1), matches);
    }
  }
}

void match_components(const std::string& base, std::span<const std::string> components,
                      std::vector<std::string>& matches) {
  std::error_code ignored;
  if (components.empty()) {
    if (fs::is_regular_file(base, ignored)) matches.push_back(base);
    return;
  }
  if (components[0] == "**") {
    // As no folder at all; a closing ** means every file.
    static const std::array<std::string, 1> kAnyName = {"*"};
    const auto rest = components.subspan(1);
    match_components(base, rest.empty() ? std::span<const std::string>(kAnyName) : rest, matches);
    match_entries(base, components, matches);
  } else if (is_glob(components[0])) {
    match_entries(base, components, matches);
  } else {
    const std::string path = joined(base, components[0]);
    if (fs::exists(path, ignored)) match_components(path, components.subspan(1), matches);
  }
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

bool is_url(std::string_view spec) {
  return std::any_of(kSchemes.begin(), kSchemes.end(),
                     [&](std::string_view scheme) { return spec.starts_with(scheme); });
}

bool is_device(std::string_view spec) {
  return spec.starts_with("/dev/video") || spec.starts_with("v4l2:");
}

bool is_glob(std::string_view spec) {
  return spec.find_first_of("*?[") != std::string_view::npos;
}

Result<std::vector<std::string>> list_directory(const std::string& path, bool recursive) {
  std::vector<std::string> paths;
  const auto keep = [&](std::string file) { paths.push_back(std::move(file)); };
  constexpr auto kSkip = fs::directory_options::skip_permission_denied;
  std::error_code error;
  if (recursive) {
    const fs::recursive_directory_iterator first(path, kSkip, error);
    error = visit_files(first, error, keep);
  } else {
    const fs::directory_iterator first(path, error);
    error = visit_files(first, error, keep);
  }
  if (error) {
    return Error{ErrorCode::kUnavailable, path + ": cannot list the folder: " + error.message()};
  }
  if (paths.empty()) {
    return Error{ErrorCode::kNotFound,
                 path + ": no pictures or videos in this folder" +
                     (recursive ? "" : "; sub-folders are searched with --recursive")};
  }
  sort_naturally(paths);
  return paths;
}

Result<std::vector<std::string>> expand_glob(const std::string& pattern) {
  std::vector<std::string> components;
  std::string base = pattern.starts_with('/') ? "/" : "";
  for (std::size_t at = base.size(); at <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', at), pattern.size());
    if (end > at) {
      std::string component = pattern.substr(at, end - at);
      const bool repeated = component == "**" && !components.empty() && components.back() == "**";
      if (!repeated) components.push_back(std::move(component));
    }
    at = end + 1;
  }
  std::vector<std::string> matches;
  match_components(base, components, matches);
  const std::size_t found = matches.size();
  std::erase_if(matches, [](const auto& path) { return file_kind(path) == FileKind::kUnknown; });
  if (matches.empty()) {
    return Error{ErrorCode::kNotFound,
                 pattern + (found == 0 ? ": no file matches"
                                       : ": " + std::to_string(found) +
                                             " files match, none with the suffix of a picture or "
                                             "video (.jpg, .png, .mp4, ...)")};
  }
  sort_naturally(matches);
  matches.erase(std::unique(matches.begin(), matches.end()), matches.end());
  return matches;
}

}  // namespace shoal
