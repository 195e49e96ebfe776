// One function a type, and a table of them.
#include "pipeline/site_sinks.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "core/private_file.h"
#include "core/read_file.h"
#include "sink/file_camera_sinks.h"
#include "sink/mqtt_sink.h"
#include "sink/nats_sink.h"
#include "sink/segment_sink.h"
#include "sink/sqlite_sink.h"
#include "sink/webhook_sink.h"

namespace shoal {
namespace {

using Made = Result<std::unique_ptr<CameraSink>>;

constexpr std::size_t kSecretMax = 4096;  // bytes
constexpr std::size_t kSecretFileMax = std::size_t{1} << 20;

// The first line of a file; empty where no file is named.
Result<std::string> read_secret(const std::string& path, std::string_view what) {
  if (path.empty()) return std::string();
  SHOAL_TRY(check_private_file(what, path));
  const auto text = file_text(path, {.bytes_max = kSecretFileMax, .expected = "a file"});
  if (!text) {
    return Error{text.error().code, fmt::format("{}: cannot read {}", what, text.error().message)};
  }
  std::string line = text->substr(0, text->find('\n'));
  while (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty() || line.size() > kSecretMax) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: expected the secret in the first line of {}, 1 to {} bytes", what,
                             path, kSecretMax)};
  }
  return line;
}

DiskLimits disk_limits(const SinkConfig& config) {
  DiskLimits limits;
  limits.bytes_max = config.keep_bytes;
  limits.keep_max = config.keep;
  return limits;
}

Made make_jsonl(const SinkConfig& config) {
  return create_camera_jsonl_sink({.path = config.path});
}

Made make_coco(const SinkConfig& config) { return create_camera_coco_sink(config.path); }

Made make_yolo(const SinkConfig& config) { return create_camera_yolo_sink(config.path); }

Made make_mot(const SinkConfig& config) { return create_camera_mot_sink(config.path); }

Made make_video(const SinkConfig& config) {
  return create_segment_sink(
      {.folder = config.path, .segment = config.segment, .limits = disk_limits(config)});
}

Made make_sqlite(const SinkConfig& config) {
  return create_sqlite_sink(
      {.path = config.path, .keep = config.keep, .bytes_max = config.keep_bytes});
}

Made make_mqtt(const SinkConfig& config) {
  MqttSinkOptions options;
  options.name = config.name;
  options.url = config.url;
  options.format = config.form == "frigate" ? MqttFormat::kFrigate : MqttFormat::kShoal;
  options.topic = config.topic;
  options.user = config.user;
  options.password = SHOAL_TRY(read_secret(config.password_file, "password_file"));
  options.ca_file = config.ca_file;
  options.timeout = config.timeout;
  options.alarms_only = config.alarms_only;
  return create_mqtt_sink(std::move(options));
}

Made make_webhook(const SinkConfig& config) {
  WebhookSinkOptions options;
  options.url = config.url;
  options.user = config.user;
  options.password = SHOAL_TRY(read_secret(config.password_file, "password_file"));
  options.secret = SHOAL_TRY(read_secret(config.secret_file, "secret_file"));
  options.ca_file = config.ca_file;
  options.timeout = config.timeout;
  return create_webhook_sink(std::move(options));
}

Made make_nats(const SinkConfig& config) {
  NatsSinkOptions options;
  options.url = config.url;
  options.subject = config.topic;
  options.user = config.user;
  options.password = SHOAL_TRY(read_secret(config.password_file, "password_file"));
  options.ca_file = config.ca_file;
  options.timeout = config.timeout;
  options.alarms_only = config.alarms_only;
  return create_nats_sink(std::move(options));
}

// A pipe blocks who writes until somebody reads, and no stop ends that. What is the program's own
// output is its caller's to read.
Result<void> check_place(const std::string& path) {
  struct stat facts {};
  const bool own = path.starts_with("/dev/") || path.starts_with("/proc/self/fd/");
  if (path.empty() || own || ::stat(path.c_str(), &facts) != 0) return {};
  if (!S_ISFIFO(facts.st_mode) && !S_ISSOCK(facts.st_mode)) return {};
  return Error{ErrorCode::kInvalidArgument,
               path + ": is a pipe or socket; expected a file or folder"};
}

struct Type {
  std::string_view name;
  Made (*make)(const SinkConfig&);
};
constexpr std::array<Type, 9> kTypes = {{{"jsonl", make_jsonl},
                                         {"coco", make_coco},
                                         {"yolo", make_yolo},
                                         {"mot", make_mot},
                                         {"video", make_video},
                                         {"sqlite", make_sqlite},
                                         {"mqtt", make_mqtt},
                                         {"webhook", make_webhook},
                                         {"nats", make_nats}}};

}  // namespace

Result<std::unique_ptr<CameraSink>> make_camera_sink(const SinkConfig& config) {
  const std::string name = config.name.empty() ? config.type : config.name;
  for (const Type& type : kTypes) {
    if (type.name != config.type) continue;
    const auto place = check_place(config.path);
    Made made = place ? type.make(config) : Made(place.error());
    if (made) return made;
    return Error{made.error().code, fmt::format("sink '{}': {}", name, made.error().message)};
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("sink '{}': type: expected jsonl, coco, yolo, mot, video, sqlite, mqtt, "
                           "webhook or nats, got '{}'", name, config.type)};
}

}  // namespace shoal
