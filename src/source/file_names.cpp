// No exceptions: every call of std::filesystem has an error_code.
#include "source/file_names.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

namespace shoal {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 9> kSchemes = {
    "rtsp://", "rtsps://", "rtmp://", "rtmps://", "http://", "https://", "tcp://", "udp://",
    "srt://"};

bool is_hidden(std::string_view name) { return name.starts_with('.'); }

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
  } else if (is_glob(components[0]) && !fs::exists(joined(base, components[0]), ignored)) {
    match_entries(base, components, matches);
  } else {
    const std::string path = joined(base, components[0]);
    if (fs::exists(path, ignored)) match_components(path, components.subspan(1), matches);
  }
}

}  // namespace

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
  std::sort(matches.begin(), matches.end(), natural_less);
  matches.erase(std::unique(matches.begin(), matches.end()), matches.end());
  return matches;
}

}  // namespace shoal
