// The file is JSON, so that cameras go through the same reader as the bodies of doors:
//   {"version":1,"cameras":[{"change":"added","camera":{}},
//    {"change":"changed","camera":{},"was":{}},{"change":"removed","was":{}}]}
// Boost.JSON's exceptions end here.
#include "pipeline/site_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "core/invalid.h"
#include "core/log.h"
#include "pipeline/camera_reach.h"
#include "pipeline/site_config_check.h"
#include "pipeline/site_config_read.h"

namespace shoal {
namespace {

namespace json = boost::json;

constexpr std::size_t kBytesMax = std::size_t{64} << 20;
constexpr std::int64_t kVersion = 1;

std::string system_text(int number) { return std::generic_category().message(number); }

// Opened without waiting for the other end of a pipe.
class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { (void)close(); }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  // 0, or what is wrong with what was opened, as errno.
  [[nodiscard]] int check_regular() const {
    struct stat facts {};
    if (::fstat(descriptor_, &facts) != 0) return errno;
    return S_ISREG(facts.st_mode) ? 0 : S_ISDIR(facts.st_mode) ? EISDIR : EINVAL;
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool close() {
    const int descriptor = std::exchange(descriptor_, -1);
    return descriptor < 0 || ::close(descriptor) == 0;
  }

 private:
  int descriptor_;
};

// 0 or errno.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

// All of the file; nothing where there is none. Errors are errno's.
int read_all(const std::string& path, std::optional<std::string>& text) {
  const File file(path, O_RDONLY);
  if (!file.is_open()) return errno == ENOENT ? 0 : errno;
  if (const int wrong = file.check_regular(); wrong != 0) return wrong;
  std::string bytes;
  char part[16'384];
  for (;;) {
    const ssize_t count = ::read(file.descriptor(), part, sizeof part);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) break;
    bytes.append(part, static_cast<std::size_t>(count));
    if (bytes.size() > kBytesMax) return EFBIG;
  }
  text = std::move(bytes);
  return 0;
}

// Beside the file, synced, and then in its place. 0 or errno.
int write_beside(const std::string& path, std::string_view bytes) {
  const std::string beside = path + ".tmp";
  File file(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  if (!file.is_open()) return errno;
  if (const int wrong = file.check_regular(); wrong != 0) return wrong;
  int failed = write_all(file.descriptor(), bytes);
  if (failed == 0 && ::fsync(file.descriptor()) != 0) failed = errno;
  if (!file.close() && failed == 0) failed = errno;
  if (failed == 0 && ::rename(beside.c_str(), path.c_str()) != 0) failed = errno;
  if (failed != 0) ::unlink(beside.c_str());
  return failed;
}

Result<void> write_atomically(const std::string& path, std::string_view bytes) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const int failed = error ? error.value() : write_beside(path, bytes);
  if (failed != 0) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}: cannot be written: {}", path, system_text(failed))};
  }
  // The new name is on the disk only once the folder is. Where that cannot be, the file is right
  // all the same.
  const File directory(folder.string(), O_RDONLY | O_DIRECTORY);
  if (directory.is_open()) (void)::fsync(directory.descriptor());
  return {};
}

// -- records --

struct Record {
  std::string change;                   // added | changed | removed
  std::optional<CameraConfig> camera;   // now
  std::optional<CameraConfig> was;      // in the configuration file, when it was changed
  [[nodiscard]] const std::string& name() const { return camera ? camera->name : was->name; }
};

Result<std::optional<CameraConfig>> member(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return std::optional<CameraConfig>();
  return std::optional(SHOAL_TRY(camera_from_json(json::serialize(*value), CameraConfig{})));
}

Result<Record> read_record(const json::value& value) {
  const json::object* object = value.if_object();
  const json::value* change = object == nullptr ? nullptr : object->if_contains("change");
  if (change == nullptr || !change->is_string()) return invalid("an entry without its change");
  Record record{.change = std::string(change->get_string()),
                .camera = SHOAL_TRY(member(*object, "camera")),
                .was = SHOAL_TRY(member(*object, "was"))};
  const bool camera = record.camera.has_value();
  const bool was = record.was.has_value();
  const bool whole = (record.change == "added" && camera && !was) ||
                     (record.change == "removed" && !camera && was) ||
                     (record.change == "changed" && camera && was &&
                      record.camera->name == record.was->name);
  if (!whole) return invalid(fmt::format("an entry of an unknown change \"{}\"", record.change));
  return record;
}

Result<json::array> read_records(std::string_view text) {
  try {
    json::value value = json::parse(json::string_view(text.data(), text.size()));
    const json::object* object = value.if_object();
    const json::value* version = object == nullptr ? nullptr : object->if_contains("version");
    const json::value* cameras = object == nullptr ? nullptr : object->if_contains("cameras");
    if (version == nullptr || cameras == nullptr || !cameras->is_array()) {
      return invalid("expected an object with version and cameras");
    }
    if (!version->is_int64() || version->get_int64() != kVersion) {
      return invalid(fmt::format("expected version {}, got {}", kVersion,
                                 json::serialize(*version)));
    }
    return cameras->get_array();
  } catch (const std::exception& error) {
    return invalid(fmt::format("not JSON: {}", error.what()));
  }
}

auto place_of(std::vector<CameraConfig>& cameras, std::string_view name) {
  return std::find_if(cameras.begin(), cameras.end(),
                      [&](const CameraConfig& camera) { return camera.name == name; });
}

const CameraConfig* find_camera(std::span<const CameraConfig> cameras, std::string_view name) {
  const auto camera = std::find_if(cameras.begin(), cameras.end(),
                                   [&](const CameraConfig& c) { return c.name == name; });
  return camera == cameras.end() ? nullptr : &*camera;
}

json::value json_of(const CameraConfig& camera) {
  return json::parse(camera_to_json(camera, Passwords::kShown));
}

Result<void> check_model(const Record& record, std::span<const std::string> models) {
  const std::string model = record.camera ? record.camera->model : "";
  if (model.empty() || std::find(models.begin(), models.end(), model) != models.end()) return {};
  return invalid(fmt::format("camera '{}': model: there is no [model.{}]", record.name(), model));
}

// `cameras` begins as `configured`.
void apply_record(const Record& record, std::span<const CameraConfig> configured,
                  std::vector<CameraConfig>& cameras, std::vector<std::string>& notes) {
  const std::string& name = record.name();
  const CameraConfig* entry = find_camera(configured, name);
  const auto camera = place_of(cameras, name);
  if (record.change == "added") {
    if (camera == cameras.end()) {
      cameras.push_back(*record.camera);
    } else if (entry == nullptr || *entry != *record.camera) {
      notes.push_back(fmt::format("camera '{}' was added while running, and stands in the "
                                  "configuration since: that is used", name));
    }
  } else if (entry == nullptr) {
    if (record.change == "changed") {
      notes.push_back(fmt::format("camera '{}' was changed while running, and is gone from the "
                                  "configuration since: it stays away", name));
    }
  } else if (*entry != *record.was) {
    notes.push_back(fmt::format("camera '{}' was {} while running, and its entry in the "
                                "configuration was edited since: that is used", name,
                                record.change));
  } else if (camera != cameras.end()) {
    if (record.change == "changed") *camera = *record.camera;
    if (record.change == "removed") cameras.erase(camera);
  }
}

std::string difference(std::span<const CameraConfig> configured,
                       std::span<const CameraConfig> now) {
  json::array records;
  for (const CameraConfig& was : configured) {
    const CameraConfig* camera = find_camera(now, was.name);
    if (camera == nullptr) {
      records.push_back(json::object{{"change", "removed"}, {"was", json_of(was)}});
    } else if (*camera != was) {
      records.push_back(json::object{
          {"change", "changed"}, {"camera", json_of(*camera)}, {"was", json_of(was)}});
    }
  }
  for (const CameraConfig& camera : now) {
    if (find_camera(configured, camera.name) != nullptr) continue;
    records.push_back(json::object{{"change", "added"}, {"camera", json_of(camera)}});
  }
  return json::serialize(json::object{{"version", kVersion}, {"cameras", std::move(records)}}) +
         "\n";
}

}  // namespace

SiteState::SiteState(std::string path, std::vector<CameraConfig> configured)
    : path_(std::move(path)), configured_(std::move(configured)), cameras_(configured_) {}

SiteState SiteState::open(std::string path, std::vector<CameraConfig> configured,
                          std::span<const std::string> models) {
  SiteState state(std::move(path), std::move(configured));
  if (!state.path_.empty()) state.read(models);
  return state;
}

void SiteState::read(std::span<const std::string> models) {
  std::optional<std::string> text;
  if (const int failed = read_all(path_, text); failed != 0) {
    notes_.push_back(fmt::format("{}: cannot be read: {}; cameras are as in the configuration",
                                 path_, system_text(failed)));
  } else if (text) {
    written_ = *text;
    apply(*text, models);
  }
}

void SiteState::keep_damaged(std::string_view text, const std::string& why) {
  const std::string aside = path_ + ".corrupt";
  auto kept = write_atomically(aside, text);
  if (kept) kept = save(cameras_);  // what could be read of it
  notes_.push_back(fmt::format("{}: {}; {}", path_, why,
                               kept ? "kept as " + aside : "and " + kept.error().message));
}

void SiteState::apply(std::string_view text, std::span<const std::string> models) {
  const auto records = read_records(text);
  if (!records) {
    keep_damaged(text, records.error().message + "; cameras are as in the configuration");
    return;
  }
  std::string damaged;
  for (const json::value& value : *records) {
    auto record = read_record(value);
    if (record) {
      const auto known = check_model(*record, models);
      if (!known) record = known.error();
    }
    if (record) {
      apply_record(*record, configured_, cameras_, notes_);
    } else {
      damaged += (damaged.empty() ? "" : "; ") + record.error().message;
    }
  }
  if (!damaged.empty()) keep_damaged(text, "without a part of it: " + damaged);
}

Result<void> SiteState::save(std::span<const CameraConfig> now) {
  if (path_.empty()) return {};
  std::string text = difference(configured_, now);
  if (text == written_) return {};
  SHOAL_TRY(write_atomically(path_, text));
  written_ = std::move(text);
  return {};
}

Result<SiteState> open_site_state(SiteConfig& site, std::span<const std::string> models) {
  struct stat facts {};
  if (!site.state_file.empty() && ::stat(site.state_file.c_str(), &facts) == 0 &&
      !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
    return Error{ErrorCode::kUnavailable,
                 fmt::format("site.state_file: {}: is a pipe or device; expected a file",
                             site.state_file)};
  }
  const Result<void> configured = check_references(site);
  SiteState state = SiteState::open(site.state_file, site.cameras, models);
  const bool same = state.cameras() == site.cameras;
  if (same && !configured) return configured.error();
  const std::vector<CameraConfig> entries = std::exchange(site.cameras, state.cameras());
  // They came through a door, and what doors may ask for can have become less since.
  std::erase_if(site.cameras, [&](const CameraConfig& camera) {
    const CameraConfig* entry = find_camera(entries, camera.name);
    if (entry != nullptr && entry->url == camera.url) return false;
    const auto checked = check_reach_of_door(camera.url, site.allow_urls);
    if (!checked) {
      log(LogLevel::kWarn, "site", "camera '{}' of {} is left out: {}", camera.name,
          site.state_file, checked.error().message);
    }
    return !checked;
  });
  for (const std::string& note : state.notes()) log(LogLevel::kWarn, "site", "{}", note);
  const Result<void> now = check_references(site);
  if (!now) {
    log(LogLevel::kWarn, "site", "with the cameras of {}: {}", site.state_file,
        now.error().message);
  }
  return state;
}

}  // namespace shoal
