// Folders to options. What a folder holds is read when it is asked for, never watched.
#include "service/kserve/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "core/read_file.h"
#include "service/kserve/model_access.h"
#include "service/kserve/model_config.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> folders_in(const fs::path& folder) {
  std::error_code ec;
  std::vector<fs::path> found;
  fs::directory_iterator entries(folder, ec);
  if (ec) {
    const bool absent = ec == std::errc::no_such_file_or_directory;
    return Error{absent ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                 fmt::format("{}: {}", folder.string(), ec.message())};
  }
  for (const fs::directory_iterator end; entries != end; entries.increment(ec)) {
    if (ec) return Error{ErrorCode::kUnavailable, folder.string() + ": " + ec.message()};
    std::error_code ignored;
    if (entries->is_directory(ignored)) found.push_back(entries->path());
  }
  std::ranges::sort(found);
  return found;
}

// The number that a version folder is named after; 0 where it is none.
std::int64_t version_of(const std::string& name) {
  const bool number = !name.empty() && name.size() <= 18 && name.front() != '0' &&
                      std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
  return number ? std::stoll(name) : 0;
}

bool allowed(const inference::ModelVersionPolicy& policy, std::int64_t version) {
  if (!policy.has_specific()) return true;
  return std::ranges::find(policy.specific().versions(), version) !=
         policy.specific().versions().end();
}

Result<fs::path> model_file(const fs::path& model, const inference::ModelConfig& config) {
  std::int64_t highest = 0;
  for (const fs::path& folder : SHOAL_TRY(folders_in(model))) {
    const std::int64_t version = version_of(folder.filename().string());
    if (version > highest && allowed(config.version_policy(), version)) highest = version;
  }
  if (highest == 0) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{}: no version folder; the file belongs into {}/1/model.onnx",
                             model.string(), model.string())};
  }
  std::vector<std::string> names{"model.onnx", "model.xml"};
  if (!config.default_model_filename().empty()) {
    if (!is_plain_file_name(config.default_model_filename())) {
      return Error{ErrorCode::kInvalidArgument,
                   "default_model_filename: expected a file's name without a folder"};
    }
    names = {config.default_model_filename()};
  }
  const fs::path folder = model / std::to_string(highest);
  for (const std::string& name : names) {
    std::error_code ignored;
    if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  }
  return Error{ErrorCode::kNotFound,
               fmt::format("{}: no {}", folder.string(), fmt::join(names, " or "))};
}

// The text of config.pbtxt; nothing where there is none.
Result<std::optional<std::string>> config_text(const fs::path& path) {
  std::error_code ec;
  if (!fs::exists(path, ec)) return std::optional<std::string>{};
  return std::optional<std::string>(SHOAL_TRY(
      file_text(path.string(), {.bytes_max = kConfigBytesMax, .expected = "a config.pbtxt"})));
}

Error about(const fs::path& path, const Error& error) {
  return Error{error.code, fmt::format("{}: {}", path.string(), error.message)};
}

}  // namespace

Result<std::vector<std::string>> repository_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const fs::path& path : SHOAL_TRY(folders_in(folder))) {
    const std::string name = path.filename().string();
    if (is_model_name(name)) {
      names.push_back(name);
    } else {
      log(LogLevel::kWarn, "repository", "{}: not a model's name, left out", path.string());
    }
  }
  return names;
}

Result<DetectorOptions> read_repository_model(const std::string& folder, const std::string& name,
                                              const DetectorOptions& base) {
  if (!is_model_name(name)) return Error{ErrorCode::kNotFound, "not a model's name"};
  const fs::path model = fs::path(folder) / name;
  const fs::path config = model / "config.pbtxt";
  std::error_code ignored;
  if (!fs::is_directory(model, ignored)) {
    return Error{ErrorCode::kNotFound, fmt::format("no model {} in {}", name, folder)};
  }
  DetectorOptions options = base;
  ReadConfig read;
  if (const auto text = SHOAL_TRY(config_text(config))) {
    auto parsed = read_config_text(*text);
    if (!parsed) return about(config, parsed.error());
    read = std::move(*parsed);
    const auto applied = apply_config(read, name, model.string(), options);
    if (!applied) return about(config, applied.error());
    for (const std::string& note : read.notes) {
      log(LogLevel::kWarn, "repository", "{}: {}", config.string(), note);
    }
  }
  options.model = SHOAL_TRY(model_file(model, read.config)).string();
  return options;
}

Result<std::map<std::string, DetectorOptions>> read_repository(const std::string& folder,
                                                               const DetectorOptions& base) {
  std::map<std::string, DetectorOptions> models;
  for (const std::string& name : SHOAL_TRY(repository_names(folder))) {
    auto options = read_repository_model(folder, name, base);
    if (options) {
      models.emplace(name, std::move(*options));
    } else {
      log(LogLevel::kError, "repository", "{} is left out: {}", name, options.error().message);
    }
  }
  return models;
}

}  // namespace shoal
