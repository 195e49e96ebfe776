// From what a user typed to a source.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "core/read_file.h"
#include "source/file_names.h"
#include "source/file_source.h"
#include "source/source.h"
#include "source/synthetic.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kListBytesMax = std::size_t{1} << 30;

using Places = std::vector<std::string>;

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A file, folder, glob or URL. An existing path goes before a glob: "img[1].jpg" is a file name.
Result<Places> places_of(const std::string& spec, const SourceOptions& options) {
  if (is_url(spec) || is_device(spec)) return Places{spec};
  std::error_code ignored;
  if (fs::is_directory(spec, ignored)) return list_directory(spec, options.recursive);
  if (!exists(spec) && is_glob(spec)) return expand_glob(spec);
  if (!exists(spec)) return Error{ErrorCode::kNotFound, spec + ": no such file or folder"};
  return Places{spec};
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

// Absolute, or below the list's folder, or below the working directory.
std::string resolved(const std::string& folder, std::string_view line) {
  const std::string typed(line);
  if (is_url(typed) || is_device(typed) || typed.starts_with('/') || folder.empty()) return typed;
  std::string beside = folder + "/" + (typed.starts_with("./") ? typed.substr(2) : typed);
  const auto names_something = [](const std::string& path) {
    return exists(path) || (is_glob(path) && expand_glob(path));
  };
  return !names_something(beside) && names_something(typed) ? typed : beside;
}

Result<Places> read_list(const std::string& path, const SourceOptions& options) {
  std::istringstream file(
      SHOAL_TRY(file_text(path, {.bytes_max = kListBytesMax, .expected = "a list of files"})));
  const std::string folder = fs::path(path).parent_path().string();
  Places places;
  std::string line;
  bool first = true;
  while (std::getline(file, line)) {
    if (line.find('\0') != std::string::npos) {
      return Error{ErrorCode::kInvalidArgument,
                   path + ": expected text, one path a line; got bytes that are no text"};
    }
    std::string_view entry = line;
    if (std::exchange(first, false) && entry.starts_with("\xEF\xBB\xBF")) entry.remove_prefix(3);
    entry = trimmed(entry);
    if (entry.empty() || entry.starts_with('#')) continue;
    const std::string place = resolved(folder, entry);
    auto found = places_of(place, options);
    // A line that names nothing is an error of that item, not of the list: reading it says so.
    if (!found) {
      places.push_back(place);
      continue;
    }
    places.insert(places.end(), std::make_move_iterator(found->begin()),
                  std::make_move_iterator(found->end()));
  }
  if (places.empty()) {
    return Error{ErrorCode::kNotFound, path + ": the list names no files; expected one a line"};
  }
  return places;
}

bool is_list(const std::string& spec) {
  std::error_code ignored;
  return (spec.ends_with(".txt") || spec.ends_with(".TXT")) && fs::is_regular_file(spec, ignored);
}

}  // namespace

Result<std::unique_ptr<Source>> open_source(std::string_view spec, const SourceOptions& options) {
  if (spec.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "an empty source; expected a file, folder, glob, list.txt, URL or synthetic:pcb"};
  }
  if (spec.starts_with("synthetic:")) {
    return std::unique_ptr<Source>(SHOAL_TRY(SyntheticSource::create(spec, options)));
  }
  const std::string path(spec.starts_with("file://") ? spec.substr(7)
                         : spec.starts_with("file:") ? spec.substr(5)
                                                     : spec);
  const bool list = is_list(path);
  Places places = SHOAL_TRY(list ? read_list(path, options) : places_of(path, options));
  const bool single = !list && places.size() == 1;
  auto source = std::make_unique<FileSource>(std::string(spec), std::move(places), options);
  const bool later = options.open_later && single && (is_url(path) || is_device(path));
  if (single && !later) SHOAL_TRY(source->open_first());
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace shoal
